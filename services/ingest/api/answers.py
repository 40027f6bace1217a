"""What submitters are told about a request."""

from typing import Any, NamedTuple

from services.ingest.domain.findings import Finding, Findings
from services.ingest.submit_csv import DryRun
from shared.ids import RequestId
from shared.request_files import RequestFile


class PublicUrls(NamedTuple):
    """The services as users reach them."""

    ingest: str
    aggregator: str
    notifier: str


def status_url(request_id: RequestId, urls: PublicUrls) -> str:
    return f"{urls.aggregator.rstrip('/')}/v1/requests/{request_id}"


def links(request_id: RequestId, urls: PublicUrls) -> dict[str, str]:
    """Where a request is read and steered; the same names as in its status."""
    read = status_url(request_id, urls)
    steer = f"{urls.ingest.rstrip('/')}/v1/requests/{request_id}"
    return {
        "self": read,
        "images": f"{read}/images",
        "output_csv": f"{read}/output.csv",
        "failures_csv": f"{read}/failures.csv",
        "events": f"{read}/events",
        "cancel": f"{steer}/cancel",
        "retry": f"{steer}/retry",
        "deliveries": f"{urls.notifier.rstrip('/')}/v1/requests/{request_id}/deliveries",
    }


def accepted_body(request: RequestFile, urls: PublicUrls) -> dict[str, Any]:
    return {
        "request_id": request.request_id,
        "state": "pending",
        "rows": request.rows,
        "images_total": request.images_total,
        "status_url": status_url(request.request_id, urls),
        "links": links(request.request_id, urls),
    }


def dry_run_body(outcome: DryRun) -> dict[str, Any]:
    return {
        "dry_run": True,
        "valid": outcome.valid,
        "rows": outcome.rows,
        "images_total": outcome.images_total,
        **errors_of(outcome.findings),
    }


def errors_of(findings: Findings) -> dict[str, Any]:
    """The first findings and how many there are in all."""
    return {"errors": [Finding._asdict(finding) for finding in findings.listed], "errors_total": findings.total}
