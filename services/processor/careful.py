"""Images that were in the hands of a processor when it died are not blamed for that, and not trusted either.

Each of them, a suspect, is worked on while nothing else is. A processor that dies then has died of it. After three
such deaths the image is given up without another try: `internal_error`, for it was a processor of ours that could not
bear it; its codec, which has processes of its own, did not even die.

An image that was given up stays a suspect: its offset is committed later, and if another image kills the processor
before, it comes again and is given up again. Cleared, it would be tried again, and two such images would take turns
for ever.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Final, Protocol

from services.processor.company import Company
from services.processor.metrics import SUSPECTS
from shared.errors import DependencyAway, Permanent
from shared.events import ImageRequested
from shared.kafka.records import Received, Rest, Trigger
from shared.kafka.retry_tiers import tries_of

log = logging.getLogger(__name__)

MOST_DEATHS: Final = 3

_GIVEN_UP: Final = Permanent(
    "internal_error", f"{MOST_DEATHS} processors in turn died while they worked on this image."
)


class Ledger(Protocol):
    """What outlives a processor: which records it had in hand, and which of those before it had."""

    def deaths_of(self, trigger: Trigger) -> int | None:
        """How often a processor died while it worked on this record alone; None when it is no suspect."""

    def working_on(self, trigger: Trigger, *, deaths_if_last: int = 0) -> AbstractContextManager[None]:
        """Have the record noted for as long as the context lasts, and for ever if the process dies or a bug ends it.

        `deaths_if_last` are the deaths that it has then.
        """

    def clear(self, trigger: Trigger) -> None:
        """The record is no suspect any more."""


class GivingUp(Protocol):
    async def give_up(
        self, received: Received[ImageRequested], error: Permanent, *, attempts: int, duration_ms: int
    ) -> None:
        """Return when the dead letter and the failed result are acknowledged."""


class Careful:
    """Hands records to the handler: together, but suspects alone.

    Who only has a result to tell is in nobody's hands any more, and kills no processor. If telling it is a bug, which
    ends the processor, it is noted as if the processor had died of it. A suspect is alone until its result is told.
    """

    def __init__(
        self,
        handler: Callable[[Received[ImageRequested]], Awaitable[Rest]],
        ledger: Ledger,
        giving_up: GivingUp,
        company: Company,
    ) -> None:
        self._handler = handler
        self._ledger = ledger
        self._giving_up = giving_up
        self._company = company
        # Results of suspects. One whose partition is another processor's meanwhile stays here: it is small.
        self._untold: dict[Trigger, Rest] = {}

    async def __call__(self, received: Received[ImageRequested]) -> Rest | None:
        deaths = self._ledger.deaths_of(received.trigger)
        if deaths is None:
            async with self._company.together():
                with self._ledger.working_on(received.trigger):
                    tell = await self._handler(received)
            return partial(self._told, received.trigger, tell)
        if deaths >= MOST_DEATHS:
            log.error("image given up, processors died of it", extra={"trigger": str(received.trigger)})
            return partial(self._give_up, received)
        await self._alone(received, deaths)
        self._ledger.clear(received.trigger)
        return None

    async def _told(self, trigger: Trigger, tell: Rest) -> None:
        try:
            await tell()
        except DependencyAway:
            raise
        except Exception:
            with self._ledger.working_on(trigger):
                raise

    async def _alone(self, received: Received[ImageRequested], deaths: int) -> None:
        async with self._company.alone():
            SUSPECTS.inc()
            log.info("suspect runs alone", extra={"trigger": str(received.trigger), "deaths": deaths})
            with self._ledger.working_on(received.trigger, deaths_if_last=deaths + 1):
                tell = self._untold.pop(received.trigger, None) or await self._handler(received)
                await self._told_or_kept(received.trigger, tell)

    async def _told_or_kept(self, trigger: Trigger, tell: Rest) -> None:
        """Have a result told; if that cannot be yet, the record comes again, and then it is not worked on again."""
        try:
            await tell()
        except DependencyAway:
            self._untold[trigger] = tell
            raise

    async def _give_up(self, received: Received[ImageRequested]) -> None:
        attempts = tries_of(received.headers).made + 1
        await self._giving_up.give_up(received, _GIVEN_UP, attempts=attempts, duration_ms=0)
