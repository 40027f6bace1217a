"""Absolute links from a request to what belongs to it, whichever service answers there."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from shared.ids import RequestId


class RequestLinks(BaseModel):
    """Where a request is read and steered; null where nothing answers, or where its state does not allow it."""

    model_config = ConfigDict(frozen=True, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    self_: str = Field(alias="self")
    images: str
    output_csv: str
    failures_csv: str
    events: str | None = None
    cancel: str | None = Field(default=None, description="Null once the request has ended.")
    retry: str | None = Field(default=None, description="Null before the end, and when nothing is left to be tried.")
    deliveries: str


@dataclass(frozen=True, slots=True)
class Links:
    """Where users reach the services, without a slash at the end."""

    ingest: str
    aggregator: str
    notifier: str

    def of(self, request_id: RequestId, *, has_ended: bool, is_flawless: bool) -> RequestLinks:
        """`has_ended` says that its CSVs are there, `is_flawless` that every image succeeded."""
        path = f"/v1/requests/{request_id}"
        own, steered = self.aggregator + path, self.ingest + path
        return RequestLinks(
            self=own,
            images=f"{own}/images",
            output_csv=f"{own}/output.csv",
            failures_csv=f"{own}/failures.csv",
            cancel=None if has_ended else f"{steered}/cancel",
            retry=f"{steered}/retry" if has_ended and not is_flawless else None,
            deliveries=f"{self.notifier}{path}/deliveries",
        )
