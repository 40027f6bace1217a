"""Absolute links from a request to what belongs to it, whichever service answers there."""

from dataclasses import dataclass

from shared.ids import RequestId


@dataclass(frozen=True, slots=True)
class Links:
    """Where users reach the services, without a slash at the end."""

    ingest: str
    aggregator: str
    notifier: str

    def of(self, request_id: RequestId) -> dict[str, str]:
        path = f"/v1/requests/{request_id}"
        own = self.aggregator + path
        return {
            "self": own,
            "images": f"{own}/images",
            "output_csv": f"{own}/output.csv",
            "failures_csv": f"{own}/failures.csv",
            "cancel": f"{self.ingest}{path}/cancel",
            "retry": f"{self.ingest}{path}/retry",
            "deliveries": f"{self.notifier}{path}/deliveries",
        }
