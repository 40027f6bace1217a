"""Sources that leave a host alone when it wants to be, or when asking it is no use."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Final, Protocol

from services.processor.codec.memory_file import MemoryFile
from services.processor.domain.host_policy import Asking, HostPolicy, Verdict, verdict_of
from services.processor.suspension import Wakefulness
from shared.errors import Permanent, Transient
from shared.safe_http.urls import parse_url

BREATH_SECONDS: Final = 0.2


class Sources(Protocol):
    def fetched(self, url: str) -> AbstractAsyncContextManager[MemoryFile]:
        """Hold a source in memory for as long as the context lasts; raise `Permanent` or `Transient`."""


class PoliteSources:
    """Asks a host only when the policy allows it, and tells the policy what came of it.

    A download that failed because this process stood still says nothing about its host, and ends in `DependencyAway`.
    An image whose host is left alone keeps its place for a breath before it is deferred: else a processor with nothing
    but such images would send its whole backlog around in the retry tiers, as fast as it can.
    """

    def __init__(
        self,
        sources: Sources,
        policy: HostPolicy,
        wakefulness: Wakefulness,
        *,
        breath_seconds: float = BREATH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = sources
        self._policy = policy
        self._wakefulness = wakefulness
        self._breath_seconds = breath_seconds
        self._clock = clock

    @asynccontextmanager
    async def fetched(self, url: str) -> AsyncIterator[MemoryFile]:
        async with AsyncExitStack() as held:
            yield await self._asked(url, held)

    async def _asked(self, url: str, held: AsyncExitStack) -> MemoryFile:
        asking = await self._allowed(_host_of(url))
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

    async def _allowed(self, host: str) -> Asking:
        try:
            return self._policy.ask(host, self._clock())
        except Transient:
            await asyncio.sleep(self._breath_seconds)
            return self._policy.ask(host, self._clock())


def _host_of(url: str) -> str:
    """Scheme, host and port: what connections are counted by. Raises `Permanent` for what is no URL."""
    return str(parse_url(url).origin())
