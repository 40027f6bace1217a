"""The life of a process that ends between two steps, wherever a test wants it to end."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

# What changes nothing is no step: an end after it is the same as an end before it.
READS: Final = (
    *("after", "chunks", "file", "find", "get", "manifest", "manifest_chunk"),
    *("missing_chunks", "read", "request", "row", "stream", "tally"),
)


class Killed(BaseException):
    """The process is dead. Not an `Exception`: nothing that the dead process would do about it may happen."""


class Life:
    """Counts the steps of everything bound to it. After its last one, nothing that is bound has an effect any more."""

    def __init__(self, *, ends_after: int | None = None) -> None:
        self.steps: list[str] = []
        self.ends_after = ends_after

    def bound(self, part: Any) -> Any:
        """The part, as this process uses it."""
        return _Bound(part, self)

    def alive(self) -> None:
        """Raise `Killed` when the end is reached."""
        if self.ends_after is not None and len(self.steps) >= self.ends_after:
            raise Killed

    def step(self, name: str) -> None:
        """Take note of a step that has its effect."""
        self.steps.append(name)
        self.alive()


class _Bound:
    def __init__(self, part: Any, life: Life) -> None:
        self._part = part
        self._life = life

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._part, name)

        def call(*arguments: Any, **options: Any) -> Any:
            self._life.alive()
            result = method(*arguments, **options)
            if isinstance(result, AbstractAsyncContextManager):
                return self._entered(name, result)
            return self._awaited(name, result) if isinstance(result, Awaitable) else result

        return call

    async def _awaited(self, name: str, result: Awaitable[Any]) -> Any:
        found = await result
        if name not in READS:
            self._life.step(name)
        return found

    @asynccontextmanager
    async def _entered(self, name: str, manager: AbstractAsyncContextManager[Any]) -> AsyncIterator[Any]:
        async with manager as value:
            yield value
            self._life.alive()
        self._life.step(name)
