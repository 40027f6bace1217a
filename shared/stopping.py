"""Waiting in a loop that may be told to stop, and telling that from a call that was merely dropped."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import DependencyAway


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Return after `seconds`, or at once when `stop` is set."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


def is_told_to_end() -> bool:
    """Whether somebody has cancelled the running task."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


@contextmanager
def dropped_calls_are_away(part: str) -> Iterator[None]:
    """Raise `DependencyAway` where a library drops a call, that is, cancels what the task waits for and not the task.

    A task that ends so looks as if it had been told to, and nobody would notice that its work was never done.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        if is_told_to_end():
            raise
        raise DependencyAway(part, "a call was dropped") from error
