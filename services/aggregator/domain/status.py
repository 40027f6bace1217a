"""What people are shown of a request that is under way."""

from typing import Literal

from shared.events import EndState

VisibleState = Literal["pending", "processing", "completed", "failed", "cancelled", "expired"]

_NEARLY = 99.9


def visible_state(*, end_state: EndState | None, has_started: bool) -> VisibleState:
    """The end is shown when the CSVs are there, not before."""
    if end_state is not None:
        return end_state
    return "processing" if has_started else "pending"


def percent_done(done: int, total: int, *, is_assembled: bool) -> float:
    """Progress with one decimal, rounded down; 100 only when the CSVs are there."""
    if is_assembled:
        return 100.0
    return min(_NEARLY, done * 1000 // total / 10) if total else 0.0
