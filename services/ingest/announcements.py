"""Says `requests.accepted` and `cancel.requested` beside the answer. What is not said here, the sweeper says."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from shared.errors import DependencyAway
from shared.events import CancelRequested
from shared.ids import RequestId
from shared.kafka.producer import Facts
from shared.request_files import RequestFile
from shared.topics import REQUESTS_ACCEPTED, REQUESTS_PROGRESS

log = logging.getLogger(__name__)

# While Kafka is away each announcement waits for its timeout: more than a few of them would only pile up.
AT_ONCE: Final = 64


class AnnouncedMarks(Protocol):
    async def mark_announced(self, request_ids: Sequence[RequestId], now: datetime) -> None: ...

    async def mark_cancel_said(self, request_ids: Sequence[RequestId], now: datetime) -> None: ...


class BackgroundAnnouncements:
    """Says at most `AT_ONCE` things at a time and leaves the others to the sweeper."""

    def __init__(self, facts: Facts, marks: AnnouncedMarks, *, now: Callable[[], datetime]) -> None:
        self._facts = facts
        self._marks = marks
        self._now = now
        self._running: set[asyncio.Task[None]] = set()

    def announce_soon(self, request: RequestFile) -> None:
        self._soon(request.request_id, self._announce(request))

    def cancel_soon(self, cancelled: CancelRequested) -> None:
        self._soon(cancelled.request_id, self._cancel(cancelled))

    async def close(self) -> None:
        """Wait for what is being said; each announcement has its own timeout."""
        if self._running:
            await asyncio.wait(set(self._running))

    def _soon(self, request_id: RequestId, saying: Coroutine[Any, Any, None]) -> None:
        if len(self._running) >= AT_ONCE:
            saying.close()
            return
        task = asyncio.create_task(_unless_away(request_id, saying))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _announce(self, request: RequestFile) -> None:
        await self._facts.publish(REQUESTS_ACCEPTED, request.accepted())
        await self._marks.mark_announced([request.request_id], self._now())

    async def _cancel(self, cancelled: CancelRequested) -> None:
        await self._facts.publish(REQUESTS_PROGRESS, cancelled)
        await self._marks.mark_cancel_said([cancelled.request_id], self._now())


async def _unless_away(request_id: RequestId, saying: Coroutine[Any, Any, None]) -> None:
    try:
        await saying
    except DependencyAway as away:
        log.warning("announcement postponed", extra={"request_id": request_id, "reason": str(away)})
