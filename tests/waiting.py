"""Waiting for a condition with a deadline; no test sleeps for a fixed time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable

STEP_SECONDS = 0.02


async def until(
    condition: Callable[[], object | Awaitable[object]], *, seconds: float = 20.0, what: str = ""
) -> object:
    """Return the condition's value once it is true; fail with `what` when the deadline passes first."""
    deadline = time.monotonic() + seconds
    while True:
        asked = time.monotonic()
        value = condition()
        if isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        # Who asks must not take the time of whom it waits for: a condition that is dear is looked at less often.
        await asyncio.sleep(max(STEP_SECONDS, time.monotonic() - asked))
