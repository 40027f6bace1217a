"""Noticing that this process itself stood still: stopped by a signal, frozen with its machine, or starved.

Whatever waited meanwhile looks late, and it is nobody's fault. Clocks go on while a process stands still, so a gap
between two beats shows it. Whoever runs first after the gap finds it: each question is a beat, too.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, NewType

log = logging.getLogger(__name__)

BEAT_SECONDS: Final = 0.5
GAP_SECONDS: Final = 2.0

Mark = NewType("Mark", int)


class Wakefulness:
    """Counts the times that this process stood still for longer than `GAP_SECONDS`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_beat = clock()
        self._gaps = 0

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Beat for as long as the context lasts. It must last as long as the work, draining included."""
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            self.mark()
            await asyncio.sleep(BEAT_SECONDS)

    def mark(self) -> Mark:
        """A moment to compare with."""
        now = self._clock()
        gap, self._last_beat = now - self._last_beat, now
        if gap > BEAT_SECONDS + GAP_SECONDS:
            self._gaps += 1
            log.warning("this process stood still", extra={"seconds": round(gap, 1)})
        return Mark(self._gaps)

    def stood_still_since(self, mark: Mark) -> bool:
        return self.mark() != mark
