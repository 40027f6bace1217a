"""When a webhook is tried again: the schedule of Standard Webhooks 1.0, and what bends it.

Every delay counts from the attempt before, and chance only ever makes it longer.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

STANDARD_DELAYS: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)
SPREAD: Final = 0.1
FINEST: Final = timedelta(seconds=5)
"""No delay can be told apart more finely than the shortest retry tier."""

LONGEST_WISH: Final = timedelta(hours=24)
LONGEST_PAUSE: Final = timedelta(minutes=30)
LEAST_PATIENCE: Final = timedelta(days=1)

QUICK_TURNS: Final = 3
NEXT_TURN: Final = timedelta(seconds=5)
LATER_TURN: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The delays between attempts: one attempt more than there are delays."""

    delays: tuple[timedelta, ...] = STANDARD_DELAYS

    @property
    def length(self) -> timedelta:
        """How long all of it takes at most, the attempts themselves apart."""
        return sum((self.delay_after(made, 1.0) or timedelta(0) for made in range(1, len(self.delays) + 1)), FINEST)

    @property
    def patience(self) -> timedelta:
        """How long attempts may go uncounted: who asks to wait again and again gets an end too."""
        return max(2 * self.length, LEAST_PATIENCE)

    def delay_after(self, attempts: int, chance: float) -> timedelta | None:
        """How long to wait after so many attempts, or None after the last; `chance` is in 0 to 1."""
        if attempts > len(self.delays):
            return None
        delay = self.delays[attempts - 1]
        spread = SPREAD * delay
        # What is finer than a tier would end as a whole turn of it.
        return delay if spread < FINEST else delay + chance * spread


def wished_delay(wish: timedelta, wishes: int) -> timedelta:
    """How long a receiver is left alone that asks for it: at least what it says, longer each time, a day at most."""
    pause: timedelta = min(FINEST * (1 << min(wishes, 16)), LONGEST_PAUSE)
    return max(min(wish, LONGEST_WISH), pause)


def delay_in_crowd(deferrals: int) -> timedelta:
    """How long a delivery waits whose endpoint has its hands full; where many wait, they ask less often."""
    return NEXT_TURN if deferrals < QUICK_TURNS else LATER_TURN
