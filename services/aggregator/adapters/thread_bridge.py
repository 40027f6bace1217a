"""Lets plain code in a thread read from and write to what lives on the event loop."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

# A loop that is gone must not keep a thread for ever; every call below has shorter timeouts of its own.
_ANSWER_SECONDS = 180.0


class ThreadBridge:
    """Made on the event loop, used in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for it; what it raises is raised here."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_ANSWER_SECONDS)

    def pulled(self, items: AsyncIterator[T]) -> Iterator[T]:
        """Iterate over what the loop provides."""
        while True:
            try:
                item = self.call(_next(items))
            except StopAsyncIteration:
                return
            yield item


async def _next(items: AsyncIterator[T]) -> T:
    return await anext(items)
