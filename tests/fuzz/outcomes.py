"""What a call comes to: its result, or the one kind of error that it may raise."""

from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")
Refusal = TypeVar("Refusal", bound=Exception)


def outcome_of(call: Callable[[], Result], refusal: type[Refusal]) -> Result | Refusal:
    """The result, or the refusal; any other exception is raised."""
    try:
        return call()
    except refusal as refused:
        return refused
