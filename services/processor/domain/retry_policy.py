"""When an image whose source had trouble is tried again, and when it is given up."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.processor.domain.host_policy import LeftAlone
from shared.errors import Transient

BACKOFF: Final = (timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=4))
"""How long to wait after the first, second and third attempt; the fourth is the last."""
DEFAULT_DEFERRAL: Final = timedelta(seconds=30)
"""How long a source that wants to be left alone, and does not say how long, is left alone."""
# The last deferral is due when patience is over, give or take a moment.
_MOMENT: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Retry:
    """One attempt more is counted."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class Defer:
    """No attempt is counted."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It has had its attempts, or its time."""


NextStep = Retry | Defer | GiveUp


def next_step(
    error: Transient, *, made: int, failing_for: timedelta, patience: timedelta, due_after: timedelta = timedelta(0)
) -> NextStep:
    """Decide after a failure. `made` attempts were counted before it, the first failure was `failing_for` ago.

    `due_after` is how long after the first failure this try was to be made.
    """
    left = patience - failing_for
    asked = None if error.retry_after_seconds is None else timedelta(seconds=error.retry_after_seconds)
    if error.defers:
        wait = DEFAULT_DEFERRAL if asked is None else asked
        if left > timedelta(0):
            return Defer(min(wait, left))
        # It came late, because nobody was here to try it, and again nobody asked: that is not yet the end.
        is_late = timedelta(0) < patience and due_after <= patience + _MOMENT
        return Defer(wait) if is_late and isinstance(error, LeftAlone) else GiveUp()
    if made >= len(BACKOFF):
        return GiveUp()
    # A source that fails and names a time is not asked sooner, as long as there is patience.
    return Retry(max(BACKOFF[made], min(asked or timedelta(0), left)))
