"""What the killer does next. Nothing here acts: choices depend on the seed, the time and who runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal

from tests.chaos.victims import CODEC, PARTS, Crowd, Victim

Deed = Literal["kill", "restart", "pause", "long pause"]
ENDING: Final = frozenset({"kill", "restart"})

_DEEDS: Final[dict[Deed, float]] = {"kill": 70, "restart": 8, "pause": 16, "long pause": 6}
_PART_WEIGHT: Final = 0.5
_UNREADY_WEIGHT: Final = 0.2

# The supervisor waits longer after each end of a process that did not run for half a minute.
ENDS_IN_A_ROW: Final = 3
CALM_SECONDS: Final = 35.0
# A picture whose codec process died twice is rightly given up.
CODEC_CALM_SECONDS: Final = 12.0
PART_CALM_SECONDS: Final = 40.0
PAUSED_AT_ONCE: Final = 2
# On a slow machine a process takes long to come back. When all are dead all the time, nothing is shown.
UNREADY_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Act:
    """One deed to one victim; `seconds` is how long a pause lasts, `whole` whether its children pause with it."""

    deed: Deed
    victim: Victim
    seconds: float = 0.0
    whole: bool = False


@dataclass
class _Record:
    """What happened to all processes of one name."""

    ends: int = 0
    last: float = float("-inf")
    paused_until: float = float("-inf")


@dataclass
class KillPlan:
    """Chooses acts. `session_seconds` is the timeout that a long pause has to exceed."""

    random: Random
    session_seconds: float
    spared: frozenset[str] = frozenset()
    _records: dict[str, _Record] = field(default_factory=dict)

    def next_act(self, crowd: Crowd, now: float) -> Act | None:
        """An act, noted as done; None when too many have to recover first."""
        candidates = [victim for victim in crowd.victims if self._may_meet(victim, now)]
        if not candidates or crowd.unready >= UNREADY_AT_ONCE:
            return None
        names = sorted({victim.name for victim in candidates})
        [name] = self.random.choices(names, [_weight(name, candidates) for name in names])
        victim = self.random.choice([victim for victim in candidates if victim.name == name])
        act = self._act(victim, now)
        self._note(act, now)
        return act

    def _may_meet(self, victim: Victim, now: float) -> bool:
        if victim.name in self.spared or victim.name.split("-")[0] in self.spared:
            return False
        record = self._record(victim)
        if now < record.paused_until:
            return False
        quiet = now - record.last
        if victim.name == CODEC:
            return quiet >= CODEC_CALM_SECONDS
        if victim.name in PARTS and quiet < PART_CALM_SECONDS:
            return False
        return record.ends < ENDS_IN_A_ROW or quiet >= CALM_SECONDS

    def _act(self, victim: Victim, now: float) -> Act:
        if victim.name == CODEC:
            return Act("kill", victim)
        paused = sum(now < record.paused_until for record in self._records.values())
        deeds = [deed for deed in _DEEDS if deed in ENDING or paused < PAUSED_AT_ONCE]
        [deed] = self.random.choices(deeds, [_DEEDS[deed] for deed in deeds])
        if deed in ENDING:
            return Act(deed, victim)
        seconds = self.random.uniform(0.5, 4) if deed == "pause" else self.session_seconds + self.random.uniform(2, 5)
        return Act(deed, victim, seconds, whole=victim.name in PARTS or self.random.random() < 0.5)

    def _note(self, act: Act, now: float) -> None:
        record = self._record(act.victim)
        if act.deed in ENDING:
            record.ends = 1 if now - record.last >= CALM_SECONDS else record.ends + 1
            record.last = now
        else:
            record.paused_until = now + act.seconds

    def _record(self, victim: Victim) -> _Record:
        return self._records.setdefault(victim.name, _Record())


def _weight(name: str, candidates: Sequence[Victim]) -> float:
    weight = _PART_WEIGHT if name in PARTS else 1.0
    return weight if any(victim.is_ready for victim in candidates if victim.name == name) else weight * _UNREADY_WEIGHT
