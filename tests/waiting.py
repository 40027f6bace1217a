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
        value = condition()
        if isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        await asyncio.sleep(STEP_SECONDS)
