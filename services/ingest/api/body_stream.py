"""The bytes of a request body: counted, and read no further than they may."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import ClientDisconnect

from shared.http.problems import Problem

# A client that is still sending reads its answer only when the rest was taken; a short rest is.
_DISCARD_BYTES: Final = 4 * 1024 * 1024
_DISCARD_SECONDS: Final = 2.0


class BodyStream:
    """One body; more than `max_bytes` of it is a `Problem` with status 413."""

    def __init__(self, stream: AsyncIterator[bytes], *, declared: int | None, max_bytes: int) -> None:
        self._stream = stream
        self._declared = declared
        self._max_bytes = max_bytes
        self._taken = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        if self._declared is not None and self._declared > self._max_bytes:
            raise too_large(self._max_bytes)
        async for piece in self._stream:
            self._taken += len(piece)
            if self._taken > self._max_bytes:
                raise too_large(self._max_bytes)
            if piece:
                yield piece

    async def discard(self) -> None:
        """Take a short rest of the body, so that the client sees the answer."""
        limit = self._taken + _DISCARD_BYTES
        try:
            async with asyncio.timeout(_DISCARD_SECONDS):
                async for piece in self._stream:
                    self._taken += len(piece)
                    if self._taken > limit:
                        return
        except (TimeoutError, ClientDisconnect):
            return


def too_large(max_bytes: int) -> Problem:
    return Problem(
        413,
        "too-large",
        f"The upload has more than {max_bytes} bytes. Split the file.",
        headers={"Connection": "close"},
    )
