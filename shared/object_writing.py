"""Objects of unknown length: held while they are small, then sent on to an upload in parts."""

from collections.abc import Awaitable, Callable
from typing import Final

from shared.object_pipe import PipedUpload

HELD_BYTES: Final = 1 << 20


class GrowingObject:
    """Stored by one `put` unless it outgrows 1 MiB: a thread and a pipe cost more than most objects do."""

    def __init__(self, put: Callable[[bytes], Awaitable[None]], upload: Callable[[], PipedUpload]) -> None:
        self._put = put
        self._start_upload = upload
        self._held = bytearray()
        self._upload: PipedUpload | None = None

    async def write(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._upload is not None:
            await self._upload.write(data)
            return
        self._held += data
        if len(self._held) > HELD_BYTES:
            held, self._held = bytes(self._held), bytearray()
            self._upload = self._start_upload()
            await self._upload.write(held)

    async def finish(self) -> None:
        """Store the object."""
        if self._upload is None:
            await self._put(bytes(self._held))
        else:
            await self._upload.finish()

    async def abort(self) -> None:
        """See that no object comes to be."""
        if self._upload is not None:
            await self._upload.abort()
