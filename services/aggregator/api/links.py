"""Absolute links from a request to what belongs to it, whichever service answers there."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from shared.ids import RequestId


class RequestLinks(BaseModel):
    """Where a request is read and steered; null where nothing answers yet."""

    model_config = ConfigDict(frozen=True, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    self_: str = Field(alias="self")
    images: str
    output_csv: str
    failures_csv: str
    events: str | None = None
    cancel: str | None = None
    retry: str | None = None
    deliveries: str


@dataclass(frozen=True, slots=True)
class Links:
    """Where users reach the services, without a slash at the end."""

    aggregator: str
    notifier: str

    def of(self, request_id: RequestId) -> RequestLinks:
        path = f"/v1/requests/{request_id}"
        own = self.aggregator + path
        return RequestLinks(
            self=own,
            images=f"{own}/images",
            output_csv=f"{own}/output.csv",
            failures_csv=f"{own}/failures.csv",
            deliveries=f"{self.notifier}{path}/deliveries",
        )
