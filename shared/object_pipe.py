"""A pipe from the event loop to a thread that uploads: backpressure one way, failure the other."""

import asyncio
import io
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from typing import Any, Final

BUFFERED_BYTES: Final = 4 * 1024 * 1024


class Aborted(Exception):
    """The writer gave up: the upload must not complete."""


class Pipe:
    """Bytes written on the event loop, read in another thread; at most about 4 MiB lie in between."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pieces: SimpleQueue[bytes | Exception | None] = SimpleQueue()
        self._buffered = 0
        self._room = asyncio.Event()
        self._room.set()
        self.reader = _PipeReader(self)

    async def write(self, data: bytes) -> None:
        await self._room.wait()
        self._pieces.put(data)
        self._buffered += len(data)
        if self._buffered >= BUFFERED_BYTES:
            self._room.clear()

    def finish(self) -> None:
        """Say that the object is complete."""
        self._pieces.put(None)

    def abort(self) -> None:
        """Make the reader fail."""
        self._pieces.put(Aborted())

    def release(self) -> None:
        """Wake a writer that waits for room: there is no reader any more."""
        self._room.set()

    def take(self) -> bytes | None:
        """Wait for the next piece, in the reader's thread; `None` at the end, `Aborted` when there is no end."""
        piece = self._pieces.get()
        if isinstance(piece, Exception):
            raise piece
        if piece is not None:
            self._loop.call_soon_threadsafe(self._taken, len(piece))
        return piece

    def _taken(self, count: int) -> None:
        self._buffered -= count
        if self._buffered < BUFFERED_BYTES:
            self._room.set()


class _PipeReader(io.RawIOBase):
    """The thread's end, as the file that the S3 client reads."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._rest = b""
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        pieces, missing = [self._rest], size - len(self._rest)
        while not self._ended and (size < 0 or missing > 0):
            piece = self._pipe.take()
            if piece is None:
                self._ended = True
            else:
                pieces.append(piece)
                missing -= len(piece)
        data = b"".join(pieces)
        wanted = len(data) if size < 0 else size
        self._rest = data[wanted:]
        return data[:wanted]


class PipedUpload:
    """An upload under way in another thread; writing to one that failed reports it instead of waiting on it."""

    def __init__(self, upload: Callable[[io.RawIOBase], Coroutine[Any, Any, Any]]) -> None:
        self._pipe = Pipe()
        self._upload = asyncio.create_task(upload(self._pipe.reader))
        self._upload.add_done_callback(lambda _upload: self._pipe.release())

    async def write(self, data: bytes) -> None:
        await self._pipe.write(data)
        if self._upload.done():
            self._upload.result()

    async def finish(self) -> None:
        """Say that the object is complete, and wait until it is stored."""
        self._pipe.finish()
        await self._upload

    async def abort(self) -> None:
        """End the upload without an object."""
        self._pipe.abort()
        await asyncio.gather(self._upload, return_exceptions=True)
