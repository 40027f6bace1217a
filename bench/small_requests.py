"""How long a small request takes, on an idle system and beside a large one."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.large_request import LargeRequest
from pixelmill.api_client import ApiClient

IMAGES: Final = 10
ON_IDLE: Final = 7
LOOK_SECONDS: Final = 0.02
GIVE_UP_SECONDS: Final = 120.0


@dataclass
class SmallRequests:
    """Submits requests of ten images, one after another, and times them from the submission to their CSV."""

    api: ApiClient
    source: str
    idle: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)

    async def on_idle(self) -> None:
        """Time some while nothing else runs; the first one warms up and does not count."""
        await self._one()
        self.idle = [await self._one() for _ in range(ON_IDLE)]

    async def beside_others(self, stop: asyncio.Event, *, every_seconds: float) -> None:
        """Time one now and then until stopped."""
        while not stop.is_set():
            self.beside.append(await self._one())
            try:
                await asyncio.wait_for(stop.wait(), every_seconds)
            except TimeoutError:
                continue

    def report(self) -> dict[str, float | int]:
        """Medians in seconds, and their ratio."""
        idle, beside = _median(self.idle), _median(self.beside)
        return {
            "idle_seconds": round(idle, 3),
            "beside_seconds": round(beside, 3),
            "slowest_beside_seconds": round(max(self.beside, default=0.0), 3),
            "ratio": round(beside / idle, 2) if idle else 0.0,
            "beside": len(self.beside),
        }

    async def _one(self) -> float:
        request = LargeRequest(IMAGES, IMAGES, 1, self.source)
        started = time.monotonic()
        request_id = await asyncio.to_thread(request.submit, self.api)
        while time.monotonic() - started < GIVE_UP_SECONDS:
            if (await asyncio.to_thread(self.api.status, request_id)).has_ended:
                return time.monotonic() - started
            await asyncio.sleep(LOOK_SECONDS)
        return GIVE_UP_SECONDS


def _median(seconds: Sequence[float]) -> float:
    return statistics.median(seconds) if seconds else 0.0
