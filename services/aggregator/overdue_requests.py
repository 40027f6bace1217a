"""Requests past their deadline, requests that nobody heard of, and requests that hang after their end."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from services.aggregator.domain.standstill import Reminders
from services.aggregator.metrics import REQUESTS_STUCK, WATCHDOG_ACTIONS
from services.aggregator.on_image_processed import ChunkId
from services.aggregator.stalled_requests import LOOKS, Notices
from shared.events import DeadlinePassed, rfc3339
from shared.ids import Owner, RequestId
from shared.kafka.producer import Facts
from shared.request_files import RequestFile
from shared.topics import REQUESTS_PROGRESS

log = logging.getLogger(__name__)

PAGE: Final = 200
# The largest request is assembled within minutes.
STUCK_AFTER: Final = timedelta(minutes=15)
STUCK_LOOK: Final = timedelta(seconds=30)
STUCK_LOG: Final = timedelta(minutes=10)
STUCK_COUNTED: Final = 1000
STUCK_NAMED: Final = 10


class Overdue(NamedTuple):
    """A request without an end whose deadline has passed."""

    deadline_at: datetime
    request_id: RequestId
    owner: Owner


class OverdueRows(Protocol):
    async def overdue(self, now: datetime, *, after: Overdue | None, limit: int) -> Sequence[Overdue]:
        """The next requests past their deadline, by deadline and id."""
        ...


class OverdueRequests:
    """Says at once that a deadline passed, and again as long as that has no effect. One page a turn."""

    def __init__(self, rows: OverdueRows, facts: Facts, *, patience: timedelta, page: int = PAGE) -> None:
        self._rows = rows
        self._facts = facts
        self._reminders = Reminders(patience, longest=patience)
        self._page = page
        self._after: Overdue | None = None

    async def turn(self, now: datetime) -> None:
        """Raises `DependencyAway`, and goes on with the same page next time."""
        page = await self._rows.overdue(now, after=self._after, limit=self._page)
        for request in page:
            if self._reminders.is_due(request.request_id, now):
                await self._facts.publish(REQUESTS_PROGRESS, _passed(request))
                self._reminders.said(request.request_id, now)
                WATCHDOG_ACTIONS.labels("deadline").inc()
                log.warning("deadline of a request passed", extra={"request_id": request.request_id})
        self._after = page[-1] if len(page) == self._page else None


class UnheardRows(Protocol):
    async def unheard(
        self, *, accepted_before: datetime, after: RequestFile | None, limit: int
    ) -> Sequence[RequestFile]:
        """The next requests that ingest accepted and the read model does not know, by time and id."""
        ...


class UnheardRequests:
    """Looks for what was accepted and never arrived here; it may be late, so it only notices. One page a turn."""

    def __init__(self, rows: UnheardRows, notices: Notices, *, patience: timedelta, page: int = PAGE) -> None:
        self._rows = rows
        self._notices = notices
        self._patience = patience
        self._page = page
        self._after: RequestFile | None = None
        self._next_round: datetime | None = None

    async def turn(self, now: datetime) -> None:
        """Raises `DependencyAway`, and goes on with the same page next time."""
        if self._after is None and self._next_round is not None and now < self._next_round:
            return
        before = now - self._patience
        page = await self._rows.unheard(accepted_before=before, after=self._after, limit=self._page)
        for request in page:
            self._notices.notice(ChunkId(request.request_id, 0))
        self._after = page[-1] if len(page) == self._page else None
        self._next_round = now + self._patience / LOOKS


class StuckRows(Protocol):
    async def stuck(self, *, ended_before: datetime, limit: int) -> Sequence[RequestId]:
        """Requests whose end was claimed before and whose completion is not published, the oldest first."""
        ...


class StuckRequests:
    """Counts requests that have an end and no completion. No event helps them: a person must look."""

    def __init__(self, rows: StuckRows) -> None:
        self._rows = rows
        self._reminders = Reminders(STUCK_LOG, longest=STUCK_LOG)
        self._next_look: datetime | None = None

    async def turn(self, now: datetime) -> None:
        if self._next_look is not None and now < self._next_look:
            return
        found = await self._rows.stuck(ended_before=now - STUCK_AFTER, limit=STUCK_COUNTED)
        self._next_look = now + STUCK_LOOK
        REQUESTS_STUCK.set(len(found))
        if found and self._reminders.is_due("stuck", now):
            self._reminders.said("stuck", now)
            fields = {"requests": len(found), "oldest": list(found[:STUCK_NAMED])}
            log.error("requests have ended and are not published", extra=fields)


def _passed(request: Overdue) -> DeadlinePassed:
    return DeadlinePassed(
        request_id=request.request_id,
        owner=request.owner,
        reason=f"The deadline of the request passed at {rfc3339(request.deadline_at)}.",
    )
