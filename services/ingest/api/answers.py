"""What submitters are told about a request."""

from typing import Any, NamedTuple

from fastapi.responses import JSONResponse

from services.ingest.acceptance import Accepted
from services.ingest.cancel_request import Cancellation
from services.ingest.domain.csv_intake import CsvIntake
from services.ingest.domain.csv_text import UTF_16
from services.ingest.domain.findings import Finding, Findings
from services.ingest.submit_csv import DryRun
from shared.events import rfc3339
from shared.ids import RequestId
from shared.request_files import CsvShape


class PublicUrls(NamedTuple):
    """The services as users reach them."""

    ingest: str
    aggregator: str
    notifier: str


def status_url(request_id: RequestId, urls: PublicUrls) -> str:
    return f"{urls.aggregator.rstrip('/')}/v1/requests/{request_id}"


def links(request_id: RequestId, urls: PublicUrls) -> dict[str, str | None]:
    """Where a request that runs is read and steered; the same names as in its status. What cannot be done is null."""
    read = status_url(request_id, urls)
    return {
        "self": read,
        "images": f"{read}/images",
        "output_csv": f"{read}/output.csv",
        "failures_csv": f"{read}/failures.csv",
        "events": None,
        "cancel": f"{urls.ingest.rstrip('/')}/v1/requests/{request_id}/cancel",
        "retry": None,
        "deliveries": f"{urls.notifier.rstrip('/')}/v1/requests/{request_id}/deliveries",
    }


def accepted_body(accepted: Accepted, urls: PublicUrls) -> dict[str, Any]:
    request, notes, _ = accepted
    return {
        "request_id": request.request_id,
        "state": "pending",
        "retry_of": request.retry_of,
        "rows": request.rows,
        "images_total": request.images_total,
        "carried_over": notes.carried_over,
        "csv": _shape_of(request.csv),
        "warnings": [Finding._asdict(warning) for warning in notes.warnings],
        "warnings_total": notes.warnings_total,
        "status_url": status_url(request.request_id, urls),
        "links": links(request.request_id, urls),
    }


def accepted_answer(accepted: Accepted, urls: PublicUrls) -> JSONResponse:
    """202 with what was accepted and where its status is."""
    headers = {"Location": status_url(accepted.request.request_id, urls)}
    if accepted.replayed:
        headers["Idempotency-Replayed"] = "true"
    return JSONResponse(accepted_body(accepted, urls), 202, headers)


def cancelled_body(cancellation: Cancellation, urls: PublicUrls) -> dict[str, Any]:
    request_id, _, requested_at, state = cancellation
    known = links(request_id, urls)
    return {
        "request_id": request_id,
        "state": state,
        "cancel_requested_at": rfc3339(requested_at),
        "status_url": status_url(request_id, urls),
        "links": {**known, "cancel": None} if state == "cancelled" else known,
    }


def dry_run_body(outcome: DryRun) -> dict[str, Any]:
    intake = outcome.intake
    return {
        "dry_run": True,
        "valid": outcome.valid,
        "rows": intake.rows,
        "images_total": intake.images,
        "carried_over": intake.carried_over,
        "csv": _found_in(intake),
        "estimate": {
            "images": intake.images,
            "distinct_urls": intake.distinct_urls,
            "chunks": intake.chunks,
            "lane": outcome.lane,
        },
        **errors_of(intake.findings),
    }


def _shape_of(csv: CsvShape) -> dict[str, Any]:
    """How the file is written, as it was found."""
    return {
        "encoding": csv.encoding,
        "delimiter": csv.delimiter,
        "line_ending": csv.line_ending,
        "bom": csv.bom or csv.encoding == UTF_16,
    }


def _found_in(intake: CsvIntake) -> dict[str, Any]:
    delimiter, line_ending = intake.dialect or (None, None)
    return {"encoding": intake.encoding, "delimiter": delimiter, "line_ending": line_ending, "bom": intake.bom}


def errors_of(findings: Findings) -> dict[str, Any]:
    """The first findings and how many there are in all."""
    return {"errors": [Finding._asdict(finding) for finding in findings.listed], "errors_total": findings.total}
