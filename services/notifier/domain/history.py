"""Deliveries with all that became of them, as users look at them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.notifier.domain.delivery import Attempt
from services.notifier.domain.progress import Owed

MOST_LISTED: Final = 100
"""Attempts of one delivery that are told at once, the newest."""


@dataclass(frozen=True, slots=True)
class NumberedAttempt:
    """An attempt, its number within the delivery (from 1), and when the next one was due after it."""

    n: int
    attempt: Attempt
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class RecordedDelivery:
    """A delivery and its newest attempts, in order."""

    owed: Owed
    created_at: datetime
    delivered_at: datetime | None
    attempts: tuple[NumberedAttempt, ...]

    @property
    def attempts_total(self) -> int:
        """How many there were in all: numbers have no gaps."""
        return self.attempts[-1].n if self.attempts else 0
