"""An attempt that a person asks for: made at once, listed, and outside the schedule."""

from typing import Protocol

from services.notifier.domain.delivery import MANUAL, Delivery, DeliveryId
from services.notifier.domain.progress import Progress, Tried


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

    async def deliver(self, delivery: Delivery) -> None:
        """Post once and record it."""
        tried = await self._attempts.attempt(delivery, trigger=MANUAL)
        await self._book.record(delivery.delivery_id, tried)
