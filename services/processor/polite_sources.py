"""Sources that leave a host alone when it wants to be, or when asking it is no use."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol

from services.processor.codec.memory_file import MemoryFile
from services.processor.domain.host_policy import HostPolicy, Verdict, verdict_of
from services.processor.suspension import Wakefulness
from shared.errors import Permanent, Transient
from shared.safe_http.urls import parse_url


class Sources(Protocol):
    def fetched(self, url: str) -> AbstractAsyncContextManager[MemoryFile]:
        """Hold a source in memory for as long as the context lasts; raise `Permanent` or `Transient`."""


class PoliteSources:
    """Asks a host only when the policy allows it, and tells the policy what came of it.

    A download that failed because this process stood still says nothing about its host, and ends in `DependencyAway`.
    """

    def __init__(
        self,
        sources: Sources,
        policy: HostPolicy,
        wakefulness: Wakefulness,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = sources
        self._policy = policy
        self._wakefulness = wakefulness
        self._clock = clock

    @asynccontextmanager
    async def fetched(self, url: str) -> AsyncIterator[MemoryFile]:
        async with AsyncExitStack() as held:
            yield await self._asked(url, held)

    async def _asked(self, url: str, held: AsyncExitStack) -> MemoryFile:
        asking = self._policy.ask(_host_of(url), self._clock())
        verdict, failure = Verdict.UNKNOWN, None
        try:
            with self._wakefulness.uninterrupted():
                file = await held.enter_async_context(self._sources.fetched(url))
            verdict = Verdict.ANSWERED
        except (Permanent, Transient) as error:
            verdict, failure = verdict_of(error), error
            raise
        finally:
            self._policy.ended(asking, verdict, self._clock(), error=failure)
        return file


def _host_of(url: str) -> str:
    """Scheme, host and port: what connections are counted by. Raises `Permanent` for what is no URL."""
    return str(parse_url(url).origin())
