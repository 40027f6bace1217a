"""A server that says what it likes, for as long as it is listened to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Speech = Callable[[asyncio.StreamWriter], Awaitable[None]]


class RawServer:
    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self._talks: set[asyncio.Task[None]] = set()
        self.requests: list[bytes] = []
        self.hung_up = asyncio.Event()
        self.url = ""

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._talks.add(asyncio.create_task(self._talk(reader, writer)))

    async def close(self) -> None:
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request, speak, and note that the client hung up."""
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            await self._speech(writer)
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
        self.hung_up.set()


@asynccontextmanager
async def speaking(speech: Speech) -> AsyncIterator[RawServer]:
    made = RawServer(speech)
    server = await asyncio.start_server(made.accept, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/cup.jpg"
    async with server:
        yield made
    await made.close()


def endlessly(start: bytes, again: bytes, *, pause_seconds: float = 0.0) -> Speech:
    """Say `start`, then `again` until nobody listens."""

    async def speak(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(pause_seconds)

    return speak
