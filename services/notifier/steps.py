"""One step of a delivery: an attempt or a deferral, its record, and what follows from it.

The step is written first, with the record that took it; then the next record is appended, or the dead letter. A crash
between the two leaves the step with its trigger: the same record comes again and does what follows, and only that.
A copy of a record finds that the step was taken by another one, and does nothing.
"""

import logging
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol

from services.notifier.domain.delivery import MANUAL, AttemptError, Delivery, DeliveryId
from services.notifier.domain.progress import Moment, Move, Owed, Progress, Tried, after_attempt, owed_since, put_off
from services.notifier.domain.schedule import Schedule
from services.notifier.endpoint_places import PROMPT_SECONDS
from services.notifier.metrics import GIVEN_UP, PUT_OFF
from shared.events import DeliveryDue, Event
from shared.kafka.records import Received
from shared.kafka.retry_tiers import Reason

log = logging.getLogger(__name__)


class Attempts(Protocol):
    """Tries at deliveries."""

    async def attempt(self, delivery: Delivery, *, trigger: str) -> Tried: ...


class Places(Protocol):
    """How many attempts may be under way."""

    def one(self, endpoint: str) -> AbstractAsyncContextManager[bool]:
        """Hold a place towards `endpoint`; False when there is none."""
        ...

    def is_crowded(self, endpoint: str) -> bool:
        """Whether there is neither a place nor room to wait for one."""
        ...

    def learn(self, endpoint: str, *, was_prompt: bool) -> None: ...


class Book(Protocol):
    """Keeps what became of each delivery. A step says where the delivery stands then, and None when it is gone."""

    async def owe(self, owed: Owed) -> Owed:
        """Keep a delivery unless it is known, and return it as it is kept."""
        ...

    async def record(self, delivery_id: DeliveryId, tried: Tried, move: Move | None = None) -> Progress | None:
        """Add the attempt and make the move, if the delivery still stands where that begins."""
        ...

    async def put_off(self, delivery_id: DeliveryId, move: Move) -> Progress | None:
        """Make the move, if the delivery still stands where it begins."""
        ...

    async def last_error(self, delivery_id: DeliveryId) -> AttemptError | None: ...


class Later(Protocol):
    """The retry tiers of webhooks and their dead letters."""

    async def schedule(
        self, event: Event, received: Received[Event], reason: Reason | None, *, made: int, after: timedelta
    ) -> None: ...

    async def give_up(
        self, received: Received[Event], reason: Reason, *, made: int, event: Event | None = None
    ) -> None: ...


class Steps:
    """Takes steps. Every one may be begun again by its own record."""

    def __init__(
        self,
        attempts: Attempts,
        book: Book,
        places: Places,
        later: Later,
        *,
        schedule: Schedule,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._attempts = attempts
        self._book = book
        self._places = places
        self._later = later
        self._schedule = schedule
        self._now = now
        self._chance = chance

    async def begin(self, received: Received[Event], delivery: Delivery) -> None:
        """Owe a delivery, and take its first step unless that was taken."""
        owed = owed_since(delivery, self._now())
        if self._places.is_crowded(delivery.endpoint):
            # In a crowd that is the step already, at the price of one write.
            PUT_OFF.inc()
            owed = Owed(delivery, put_off(owed.progress, self._moment(str(received.trigger))))
        owed = await self._book.owe(owed)
        await self.take(received, owed, is_due=owed.progress.is_untouched)

    async def take(self, received: Received[Event], owed: Owed, *, is_due: bool) -> None:
        """Try the delivery if it `is_due`; if this very record took the last step, do what follows from that."""
        trigger = str(received.trigger)
        if owed.progress.step == trigger:
            await self._follow(received, owed)
        elif is_due:
            async with self._places.one(owed.delivery.endpoint) as has_place:
                tried = await self._try(owed, trigger) if has_place else None
            progress = await self._written(owed, tried, self._moment(trigger))
            if progress is not None and progress.step == trigger:
                error = tried.attempt.error if tried is not None else None
                await self._follow(received, Owed(owed.delivery, progress), error)

    async def _try(self, owed: Owed, trigger: str) -> Tried:
        delivery = owed.delivery
        shown = MANUAL if owed.progress.is_asked_for_by_hand else trigger
        tried = await self._attempts.attempt(delivery, trigger=shown)
        if tried.was_posted and not tried.was_suspended:
            attempt = tried.attempt
            was_prompt = attempt.status is not None and attempt.duration_ms <= PROMPT_SECONDS * 1000
            self._places.learn(delivery.endpoint, was_prompt=was_prompt)
        return tried

    async def _written(self, owed: Owed, tried: Tried | None, moment: Moment) -> Progress | None:
        delivery, before = owed.delivery, owed.progress
        if tried is None:
            PUT_OFF.inc()
            log.debug("callback put off", extra={"delivery_id": delivery.delivery_id, "host": delivery.host})
            return await self._book.put_off(delivery.delivery_id, Move(before, put_off(before, moment)))
        after = after_attempt(before, tried, self._schedule, moment)
        return await self._book.record(delivery.delivery_id, tried, Move(before, after))

    def _moment(self, trigger: str) -> Moment:
        return Moment(trigger, self._now(), self._chance())

    async def _follow(self, received: Received[Event], owed: Owed, error: AttemptError | None = None) -> None:
        delivery, progress = owed.delivery, owed.progress
        if progress.state == "delivered":
            return
        due = DeliveryDue(
            request_id=delivery.request_id,
            owner=delivery.owner,
            delivery_id=delivery.delivery_id,
            attempt=progress.attempts,
            deferral=progress.deferrals,
        )
        if progress.next_attempt_at is not None:
            after = progress.next_attempt_at - self._now()
            await self._later.schedule(due, received, error, made=progress.attempts, after=after)
        elif (error := error or await self._book.last_error(delivery.delivery_id)) is not None:
            await self._later.give_up(received, error, made=progress.attempts, event=due)
            GIVEN_UP.inc()
            log.warning("callback given up", extra={"delivery_id": delivery.delivery_id, "host": delivery.host})
