"""How many requests may be under way towards one host."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from yarl import URL


class Places:
    """A number of places for each scheme, host and port; hosts without a guest are forgotten."""

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._hosts: dict[URL, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def one(self, url: URL) -> AsyncIterator[None]:
        """Hold a place towards the host of `url`; wait for one if all are taken."""
        host = url.origin()
        places, guests = self._hosts.get(host) or (asyncio.Semaphore(self._per_host), 0)
        self._hosts[host] = places, guests + 1
        try:
            async with places:
                yield
        finally:
            self._leave(host)

    def _leave(self, host: URL) -> None:
        places, guests = self._hosts[host]
        if guests == 1:
            del self._hosts[host]
        else:
            self._hosts[host] = places, guests - 1
