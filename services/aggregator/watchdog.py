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
from shared.stopping import pause

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
        self._renew_at: datetime | None = None
        self._away: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until stopped, and let the lease go. A part that is away is waited for."""
        watching = asyncio.create_task(self._watch(stop))
        stopping = asyncio.create_task(stop.wait())
        try:
            # What is said twice does no harm, so a turn is given up in the middle.
            await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
        finally:
            stopping.cancel()
            watching.cancel()
            await asyncio.gather(watching, stopping, return_exceptions=True)
            await self._let_go()

    async def turn(self) -> None:
        """Do a little of every duty, as long as the lease is held."""
        await self._unless_away("lease", self._hold)
        for duty in self._duties:
            await self._unless_away(type(duty).__name__, partial(self._do, duty))

    async def _do(self, duty: Duty) -> None:
        await duty.turn(self._now())

    async def _unless_away(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        """One duty that cannot be done keeps no other from being done. Said once, until it can be done again."""
        try:
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
            self._rest()
        WATCHDOG_HOLDS.set(is_held)

    def _rest(self) -> None:
        if self._duties:
            log.warning("another watchdog has taken over")
        self._duties = ()
        REQUESTS_STUCK.set(0)

    async def _let_go(self) -> None:
        if not self._duties:
            return
        try:
            await asyncio.wait_for(self._lease.release(), RELEASE_SECONDS)
        except (DependencyAway, TimeoutError):
            log.info("the lease of the watchdog is left to expire")
