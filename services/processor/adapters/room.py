"""A bound on the memory that sources take together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Share:
    """What one source takes of the room."""

    def __init__(self, room: "Room") -> None:
        self._room = room
        self.bytes = 0

    def grow(self, count: int) -> None:
        """Take more. It never waits: sources that wait for each other while they hold memory would wait forever."""
        self.bytes += count
        self._room.taken += count


class Room:
    """Lets a source in while less than `limit` bytes are taken.

    Those that are in may grow beyond the limit, each up to the largest source that is fetched.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = asyncio.Condition()
        self.taken = 0

    @asynccontextmanager
    async def share(self) -> AsyncIterator[Share]:
        async with self._left:
            await self._left.wait_for(lambda: self.taken < self._limit)
        share = Share(self)
        try:
            yield share
        finally:
            self.taken -= share.bytes
            async with self._left:
                self._left.notify_all()
