"""The status of a request as users get it, failures first."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from services.aggregator.api.links import Links, RequestLinks
from services.aggregator.domain.completion import Standing, Tally, byte_counts
from services.aggregator.domain.status import VisibleState, percent_done, visible_state
from services.aggregator.known_requests import RequestRow
from shared.events import ByteCounts, Timestamp


class FailureCounts(BaseModel):
    """Images that failed, the most frequent first."""

    by_code: dict[str, int] = Field(description="By error code; the codes are a closed list.")
    by_host: dict[str, int] = Field(
        description="By the host of the source URL, the 100 with the most failures. While a request runs, a failure "
        "is counted here when its whole chunk is done, so these may lag behind `by_code`."
    )


class RequestProgress(BaseModel):
    percent: float = Field(description="With one decimal, rounded down; 100 means that the CSVs are there.")
    failed: int
    not_attempted: int
    succeeded: int
    images_done: int
    images_total: int


class RequestStatus(BaseModel):
    """How far a request is, and what became of it. What is not known yet is null."""

    model_config = ConfigDict(serialize_by_alias=True)

    request_id: str
    state: VisibleState
    failures: FailureCounts
    progress: RequestProgress
    bytes: ByteCounts
    rows: int
    submitted_at: Timestamp
    started_at: Timestamp | None
    completed_at: Timestamp | None
    deadline_at: Timestamp
    retry_of: str | None
    metadata: dict[str, Any]
    links: RequestLinks


class RequestList(BaseModel):
    """A page of requests, newest first; `next_cursor` continues, and is null on the last page."""

    items: list[RequestStatus]
    next_cursor: str | None


def status_of(request: RequestRow, standing: Standing, links: Links) -> RequestStatus:
    """Put together what is shown of a request."""
    tally = standing.tally
    end = request.end_state if request.is_assembled else None
    return RequestStatus(
        request_id=request.request_id,
        state=visible_state(end_state=end, has_started=request.started_at is not None),
        failures=FailureCounts(by_code=dict(tally.failures_by_code), by_host=dict(standing.failures_by_host)),
        progress=_progress(request, tally),
        bytes=byte_counts(tally),
        rows=request.rows,
        submitted_at=request.submitted_at,
        started_at=request.started_at,
        completed_at=request.assembled_at,
        deadline_at=request.deadline_at,
        retry_of=request.retry_of,
        metadata=dict(request.metadata),
        links=links.of(request.request_id, has_ended=request.is_assembled, is_flawless=tally.is_flawless),
    )


def _progress(request: RequestRow, tally: Tally) -> RequestProgress:
    return RequestProgress(
        percent=percent_done(tally.done, request.images_total, is_assembled=request.is_assembled),
        failed=tally.failed,
        not_attempted=tally.not_attempted,
        succeeded=tally.succeeded,
        images_done=tally.done,
        images_total=request.images_total,
    )
