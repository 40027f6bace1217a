"""Processors and aggregators come and go while they have work: the stack is told other numbers of them."""

from dataclasses import dataclass, field
from random import Random
from typing import Final

from deploy.embedded.home import Home
from deploy.embedded.services import Scale
from deploy.embedded.stack_control import Wanted, rescale

_LEAST_SECONDS: Final = 20.0
_MOST_SECONDS: Final = 60.0


@dataclass
class Rescaling:
    """Chooses numbers from one to those of the start, at seeded moments."""

    random: Random
    most: Scale
    _due: float | None = field(default=None, init=False)
    _now: Scale = field(init=False)

    def __post_init__(self) -> None:
        self._now = self.most

    def next_scale(self, now: float) -> Scale | None:
        """Other numbers than before, when it is time."""
        if self._due is None or now < self._due:
            self._due = self._due or now + self._pause()
            return None
        self._due = now + self._pause()
        chosen = Scale(self.random.randint(1, self.most.processors), self.random.randint(1, self.most.aggregators))
        if chosen == self._now:
            return None
        self._now = chosen
        return chosen

    def _pause(self) -> float:
        return self.random.uniform(_LEAST_SECONDS, _MOST_SECONDS)


def apply(home: Home, scale: Scale) -> str:
    """Tell the stack; says in words what was told."""
    rescale(home, Wanted(scale.processors, scale.aggregators))
    return f"{scale.processors} processors, {scale.aggregators} aggregators"
