"""A request is assembled: mark it with this event, and say what is to be published of it.

The mark comes before the transaction that publishes. It can be set again by the same event until the completion is
known to be published, and by no other event.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from services.aggregator.domain.completion import EndedRequest, Places, completed
from services.aggregator.known_requests import RequestGone, RequestRow
from services.aggregator.request_gone import dropped
from shared.events import RequestAssembled, RequestCompleted
from shared.ids import RequestId
from shared.kafka.records import Received, Trigger


class AssemblyMissing(Exception):
    """A request is announced as assembled, and its row says that it is not: the database has lost writes."""


class Requests(Protocol):
    async def row(self, request_id: RequestId) -> RequestRow: ...


class CompletionMarks(Protocol):
    async def mark_completion(self, request_id: RequestId, *, trigger: Trigger, at: datetime) -> RequestRow | None:
        """Mark the request; None when it has the mark of another event, or its completion is published."""
        ...


class OnRequestAssembled:
    def __init__(
        self, requests: Requests, marks: CompletionMarks, *, places: Places, now: Callable[[], datetime]
    ) -> None:
        self._requests = requests
        self._marks = marks
        self._places = places
        self._now = now

    async def __call__(self, received: Received[RequestAssembled]) -> RequestCompleted | None:
        """Return the completion to publish, or None when there is nothing to publish."""
        marked = await self._mark(received) or await self._mark_known(received)
        return None if marked is None else completed(_ended(marked), self._places)

    async def _mark(self, received: Received[RequestAssembled]) -> RequestRow | None:
        return await self._marks.mark_completion(received.event.request_id, trigger=received.trigger, at=self._now())

    async def _mark_known(self, received: Received[RequestAssembled]) -> RequestRow | None:
        """Mark the request once more, after its row is there for sure: a missing one never means skip."""
        try:
            await self._requests.row(received.event.request_id)
        except RequestGone as gone:
            dropped(received, gone)
            return None
        return await self._mark(received)


def _ended(row: RequestRow) -> EndedRequest:
    if row.end_state is None or row.tally is None or row.output_sha256 is None or row.completed_at is None:
        raise AssemblyMissing(row.request_id)
    return EndedRequest(
        request_id=row.request_id,
        owner=row.owner,
        retry_of=row.retry_of,
        state=row.end_state,
        tally=row.tally,
        output_sha256=row.output_sha256,
        failures_sha256=row.failures_sha256,
        submitted_at=row.submitted_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
        metadata=row.metadata,
    )
