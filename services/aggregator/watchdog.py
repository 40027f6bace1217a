"""The watchdog: of all finishers one looks after requests that were forgotten, by a lease.

It only appends events, and every reader takes them twice without harm. So a holder that lost its lease while it slept
does no harm either.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from services.aggregator.metrics import REQUESTS_STUCK, WATCHDOG_HOLDS
from shared.errors import DependencyAway
from shared.stopping import dropped_calls_are_away, pause

log = logging.getLogger(__name__)

TURN_SECONDS: Final = 1.0
LEASE: Final = timedelta(seconds=20)
# Several renewals may fail before the lease is over.
RENEWAL: Final = LEASE / 4
RELEASE_SECONDS: Final = 2.0


class Lease(Protocol):
    async def hold(self, duration: timedelta) -> bool:
        """Take or renew the lease; False when someone else has it. Raises `DependencyAway`."""
        ...

    async def release(self) -> None:
        """Let someone else have it at once. Raises `DependencyAway`."""
        ...


class Duty(Protocol):
    """One thing to look after, a little of it at a time."""

    async def turn(self, now: datetime) -> None: ...


class Watchdog:
    """`duties` are made anew with every lease: what they remember may be out of date."""

    def __init__(
        self,
        lease: Lease,
        duties: Callable[[], Sequence[Duty]],
        *,
        now: Callable[[], datetime],
        turn_seconds: float = TURN_SECONDS,
    ) -> None:
        self._lease = lease
        self._new_duties = duties
        self._now = now
        self._turn_seconds = turn_seconds
        self._duties: Sequence[Duty] = ()
        self._at_work: dict[int, asyncio.Task[None]] = {}
        self._renew_at: datetime | None = None
        self._away: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until stopped, and let the lease go. A part that is away is waited for."""
        watching = asyncio.create_task(self._watch(stop))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
        finally:
            stopping.cancel()
            watching.cancel()
            await asyncio.gather(watching, stopping, return_exceptions=True)
            await self._let_go()

    async def turn(self) -> None:
        """Begin a little of every duty that is not at work, as long as the lease is held.

        A slow duty keeps neither the lease from being renewed nor others from being done: it goes on next turn.
        """
        await self._unless_away("lease", self._hold)
        for place, duty in enumerate(self._duties):
            if place not in self._at_work:
                step = self._unless_away(type(duty).__name__, partial(self._do, duty))
                self._at_work[place] = asyncio.create_task(step)
        if self._at_work:
            await asyncio.wait(self._at_work.values(), timeout=self._turn_seconds)
        for place, task in list(self._at_work.items()):
            if task.done():
                del self._at_work[place]
                task.result()

    async def _do(self, duty: Duty) -> None:
        await duty.turn(self._now())

    async def _unless_away(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        """One duty that cannot be done keeps no other from being done. Said once, until it can be done again."""
        try:
            with dropped_calls_are_away("a library"):
                await step()
        except DependencyAway as away:
            if name not in self._away:
                log.warning(
                    "the watchdog waits for a part", extra={"duty": name, "part": away.part, "reason": away.reason}
                )
            self._away.add(name)
        else:
            self._away.discard(name)

    async def _watch(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.turn()
            await pause(stop, self._turn_seconds)

    async def _hold(self) -> None:
        now = self._now()
        if self._renew_at is not None and now < self._renew_at:
            return
        is_held = await self._lease.hold(LEASE)
        self._renew_at = now + RENEWAL
        if is_held and not self._duties:
            self._duties = self._new_duties()
            log.info("the watchdog of this process is at work")
        elif not is_held:
            await self._rest()
        WATCHDOG_HOLDS.set(is_held)

    async def _rest(self) -> None:
        if self._duties:
            log.warning("another watchdog has taken over")
        self._duties = ()
        await self._stop_work()
        REQUESTS_STUCK.set(0)

    async def _stop_work(self) -> None:
        """What is said twice does no harm, so work is given up in the middle."""
        at_work, self._at_work = list(self._at_work.values()), {}
        for task in at_work:
            task.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)

    async def _let_go(self) -> None:
        await self._stop_work()
        if not self._duties:
            return
        try:
            await asyncio.wait_for(self._lease.release(), RELEASE_SECONDS)
        except (DependencyAway, TimeoutError):
            log.info("the lease of the watchdog is left to expire")
