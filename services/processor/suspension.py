"""Noticing that this process itself stood still: stopped by a signal, frozen with its machine, or starved.

Whatever waited meanwhile looks late, and it is nobody's fault. Clocks go on while a process stands still, so a gap
between two beats shows it. Whoever runs first after the gap finds it: each question is a beat, too.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, NewType

from shared.errors import DependencyAway, Permanent, Transient

log = logging.getLogger(__name__)

DEPENDENCY: Final = "processor"
BEAT_SECONDS: Final = 0.5
GAP_SECONDS: Final = 2.0

# What a pause of our own can look like. A status that a source answers with is its own word, but for 408.
_TRANSIENT: Final = frozenset({"timeout", "connect_error", "dns_error", "tls_error", "truncated", "http_4xx"})
_PERMANENT: Final = frozenset({"codec_timeout"})

Mark = NewType("Mark", int)


class Wakefulness:
    """Counts the times that this process stood still for longer than `GAP_SECONDS`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_beat = clock()
        self._gaps = 0

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Beat for as long as the context lasts."""
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

    @contextmanager
    def uninterrupted(self) -> Iterator[None]:
        """Raise `DependencyAway` for a failure inside that this process may have caused by standing still."""
        mark = self.mark()
        try:
            yield
        except (Permanent, Transient) as error:
            may_be_ours = error.code in (_TRANSIENT if isinstance(error, Transient) else _PERMANENT)
            if may_be_ours and self.stood_still_since(mark):
                raise DependencyAway(DEPENDENCY, "it stood still while it worked on this record") from error
            raise
