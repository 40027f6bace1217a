"""Sources over HTTP, through the safe client, into memory files."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from services.processor.adapters.room import Room
from services.processor.codec.memory_file import MemoryFile
from shared.safe_http import Fetched


class Client(Protocol):
    async def fetch(self, url: str, into: Callable[[bytes | memoryview], object], *, max_bytes: int) -> Fetched: ...


class HttpSource:
    """Fetches one URL at a time into memory, as long as there is room; errors are those of the safe client."""

    def __init__(self, client: Client, *, max_bytes: int, room: Room) -> None:
        self._client = client
        self._max_bytes = max_bytes
        self._room = room

    @asynccontextmanager
    async def fetched(self, url: str) -> AsyncIterator[MemoryFile]:
        async with self._room.share() as share:
            with MemoryFile("source") as file:

                def keep(piece: bytes | memoryview) -> None:
                    share.grow(len(piece))
                    file.write(piece)

                await self._client.fetch(url, keep, max_bytes=self._max_bytes)
                yield file
