"""Waiting for a condition with a deadline; no test sleeps for a fixed time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable

STEP_SECONDS = 0.02
LONGEST_STEP_SECONDS = 0.25
STEPS_OF_WAITING = 40
"""Who has waited for long looks less often: a step is this part of what was waited."""


async def until(
    condition: Callable[[], object | Awaitable[object]], *, seconds: float = 20.0, what: str = ""
) -> object:
    """Return the condition's value once it is true; fail with `what` when the deadline passes first."""
    began = time.monotonic()
    deadline = began + seconds
    while True:
        asked = time.monotonic()
        value = condition()
        if isawaitable(value):
            value = await value
        if value:
            return value
        now = time.monotonic()
        if now > deadline:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        # Looking must not take the time of what is waited for: what is dear to look at is looked at less often, too.
        patience = min(LONGEST_STEP_SECONDS, (now - began) / STEPS_OF_WAITING)
        await asyncio.sleep(max(STEP_SECONDS, patience, now - asked))
