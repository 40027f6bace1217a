"""How long to wait before a process that ended is started again, and when to call it a crash loop."""

from dataclasses import dataclass

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
STABLE_SECONDS = 30.0
LOOP_AFTER = 4


@dataclass
class RestartPolicy:
    """Remembers the ends in a row. A process that ran for half a minute starts with a clean record."""

    ends: int = 0

    def ended(self, ran_seconds: float) -> float:
        """Note an end after a run of so many seconds, and say how many seconds to wait."""
        self.ends = 1 if ran_seconds >= STABLE_SECONDS else self.ends + 1
        pause: float = FIRST_PAUSE_SECONDS * 2.0 ** (self.ends - 1)
        return min(pause, LONGEST_PAUSE_SECONDS)

    @property
    def is_looping(self) -> bool:
        """Whether it ended so often that starting it again is unlikely to help."""
        return self.ends >= LOOP_AFTER
