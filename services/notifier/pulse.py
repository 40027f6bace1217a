"""Noticing that this process stood still: a stopped process blames nobody for what it missed meanwhile."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from shared.stopping import pause

BEAT_SECONDS: Final = 0.5
STANDSTILL_SECONDS: Final = 2.0


class Pulse:
    """Beats on the event loop. A beat that is overdue means that the process was stopped, or its loop was held up."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._last_beat = seconds()
        self._last_standstill = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Beat until stopped."""
        while not stop.is_set():
            self.beat()
            await pause(stop, BEAT_SECONDS)

    def beat(self) -> None:
        now = self._seconds()
        if now - self._last_beat > STANDSTILL_SECONDS:
            self._last_standstill = now
        self._last_beat = now

    def stood_still_since(self, moment: float) -> bool:
        """Whether a standstill ended after `moment`, a reading of the same clock."""
        # Whoever asks first after waking does not wait for the next beat.
        self.beat()
        return self._last_standstill >= moment
