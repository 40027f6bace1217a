"""Says `requests.accepted` beside the answer. What is not said here, the sweeper says."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Protocol

from shared.errors import DependencyAway
from shared.ids import RequestId
from shared.kafka.producer import Facts
from shared.request_files import RequestFile
from shared.topics import REQUESTS_ACCEPTED

log = logging.getLogger(__name__)

# While Kafka is away each announcement waits for its timeout: more than a few of them would only pile up.
AT_ONCE: Final = 64


class AnnouncedMarks(Protocol):
    async def mark_announced(self, request_ids: Sequence[RequestId], now: datetime) -> None: ...


class BackgroundAnnouncements:
    """Announces at most `AT_ONCE` requests at a time and leaves the others to the sweeper."""

    def __init__(self, facts: Facts, marks: AnnouncedMarks, *, now: Callable[[], datetime]) -> None:
        self._facts = facts
        self._marks = marks
        self._now = now
        self._running: set[asyncio.Task[None]] = set()

    def announce_soon(self, request: RequestFile) -> None:
        if len(self._running) >= AT_ONCE:
            return
        task = asyncio.create_task(self._announce(request))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Wait for what is being said; each announcement has its own timeout."""
        if self._running:
            await asyncio.wait(set(self._running))

    async def _announce(self, request: RequestFile) -> None:
        try:
            await self._facts.publish(REQUESTS_ACCEPTED, request.accepted())
            await self._marks.mark_announced([request.request_id], self._now())
        except DependencyAway as away:
            log.warning("announcement postponed", extra={"request_id": request.request_id, "reason": str(away)})
