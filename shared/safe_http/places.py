"""How much may be under way towards one host."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class Places:
    """A number of places for each key, such as a host; keys without a guest are forgotten."""

    def __init__(self, per_key: int) -> None:
        self._per_key = per_key
        self._keys: dict[Hashable, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def one(self, key: Hashable) -> AsyncIterator[None]:
        """Hold a place of `key`; wait for one if all are taken."""
        await self.take(key)
        try:
            yield
        finally:
            self.leave(key)

    async def take(self, key: Hashable) -> None:
        """Take a place until `leave` is called; wait for one if all are taken."""
        places, guests = self._keys.get(key) or (asyncio.Semaphore(self._per_key), 0)
        self._keys[key] = places, guests + 1
        try:
            await places.acquire()
        except BaseException:
            self._forget(key)
            raise

    def leave(self, key: Hashable) -> None:
        """Give a place back that was taken."""
        places, _ = self._keys[key]
        places.release()
        self._forget(key)

    def _forget(self, key: Hashable) -> None:
        places, guests = self._keys[key]
        if guests == 1:
            del self._keys[key]
        else:
            self._keys[key] = places, guests - 1
