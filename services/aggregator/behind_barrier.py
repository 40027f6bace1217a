"""Something is done about chunks, but not before a barrier is passed that was begun after they were noticed."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from services.aggregator.barrier import Barrier
from services.aggregator.on_image_processed import ChunkId

log = logging.getLogger(__name__)

MOST_CHUNKS: Final = 1000
# A turn stays far shorter than the lease.
REPAIRS_A_TURN: Final = 50


class Repair(Protocol):
    """What is done about a chunk. It looks again first, and may be repeated."""

    async def __call__(self, chunk: ChunkId, now: datetime, /) -> None: ...


class BehindBarrier:
    """One group of chunks waits at the barrier; those that are noticed meanwhile wait for the next one."""

    def __init__(
        self,
        name: str,
        barrier: Callable[[], Barrier],
        repair: Repair,
        *,
        between_looks: timedelta,
        most: int = MOST_CHUNKS,
    ) -> None:
        self._name = name
        self._new_barrier = barrier
        self._repair = repair
        self._between_looks = between_looks
        self._most = most
        self._next_look: datetime | None = None
        self._barrier: Barrier | None = None
        self._waiting: dict[ChunkId, None] = {}
        self._noticed: dict[ChunkId, None] = {}

    def notice(self, chunk: ChunkId) -> None:
        """Have this chunk repaired, unless it is to be already; beyond the limit it has to be noticed again."""
        if chunk not in self._waiting and len(self._noticed) < self._most:
            self._noticed[chunk] = None

    async def turn(self, now: datetime) -> None:
        """Look at the barrier; behind it, repair what waits. Raises `DependencyAway`, and goes on next time."""
        if self._barrier is None:
            if not self._noticed:
                return
            self._barrier, self._next_look = self._new_barrier(), now
            self._waiting, self._noticed = self._noticed, {}
            log.info("chunks wait behind a barrier", extra={"barrier": self._name, "chunks": len(self._waiting)})
        if await self._is_passed(self._barrier, now):
            for chunk in list(self._waiting)[:REPAIRS_A_TURN]:
                await self._repair(chunk, now)
                del self._waiting[chunk]
            if not self._waiting:
                self._barrier = None

    async def _is_passed(self, barrier: Barrier, now: datetime) -> bool:
        if self._next_look is not None and now < self._next_look:
            return False
        if not await barrier.is_passed(now):
            self._next_look = now + self._between_looks
            return False
        return True
