"""An attempt that a person asks for: made at once, listed, and outside the schedule."""

from typing import Protocol

from services.notifier.domain.delivery import MANUAL, Delivery, DeliveryId
from services.notifier.domain.progress import Progress, Tried
from services.notifier.manual_places import ManualPlaces


class Attempts(Protocol):
    """Tries at deliveries."""

    async def attempt(self, delivery: Delivery, *, trigger: str) -> Tried: ...


class Book(Protocol):
    """Keeps what became of each attempt."""

    async def record(self, delivery_id: DeliveryId, tried: Tried) -> Progress | None:
        """Add the attempt; one that succeeded settles the delivery."""
        ...


class ByHand:
    """Delivers now. A success settles the delivery; a failure leaves its schedule as it was."""

    def __init__(self, attempts: Attempts, book: Book) -> None:
        self._attempts = attempts
        self._book = book
        self._places = ManualPlaces()

    async def deliver(self, delivery: Delivery) -> None:
        """Post once and record it; raises `TooManyByHand` when as many are under way as may be."""
        with self._places.one(delivery):
            tried = await self._attempts.attempt(delivery, trigger=MANUAL)
            await self._book.record(delivery.delivery_id, tried)
