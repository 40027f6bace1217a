"""The bytes of a request body: counted, read no further than they may, and cut when they come too slowly."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import ClientDisconnect

from shared.http.problems import Problem

# A client that is still sending reads its answer only when the rest was taken; a short rest is.
_DISCARD_BYTES: Final = 4 * 1024 * 1024
_DISCARD_SECONDS: Final = 2.0

# Whoever sends less than this, or nothing at all for the time of grace, holds a place that others wait for.
SLOWEST_BYTES_PER_SECOND: Final = 1000
GRACE_SECONDS: Final = 30.0


class BodyStream:
    """One body. More than `max_bytes` of it is a `Problem` with status 413; waiting too long for it, one with 408."""

    def __init__(
        self,
        stream: AsyncIterator[bytes],
        *,
        declared: str | None,
        max_bytes: int,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._stream = stream
        self._declared = declared
        self._max_bytes = max_bytes
        self._grace = self._patience = grace_seconds
        self._taken = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        if _is_more(self._declared, self._max_bytes):
            raise too_large(self._max_bytes)
        while (piece := await self._next()) is not None:
            self._taken += len(piece)
            if self._taken > self._max_bytes:
                raise too_large(self._max_bytes)
            if piece:
                yield piece

    def declared_bytes(self) -> int:
        """The size that was announced; 0 when none was, or none that is taken."""
        declared = self._declared or ""
        if not (declared.isascii() and declared.isdecimal()) or _is_more(declared, self._max_bytes):
            return 0
        # Python reads no number with thousands of digits, noughts or not.
        return int(declared.lstrip("0") or "0")

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

    async def _next(self) -> bytes | None:
        """The next piece; None at the end. Only waiting uses up patience, and each byte gives some back."""
        clock = asyncio.get_running_loop()
        began = clock.time()
        try:
            async with asyncio.timeout(self._patience) as limit:
                piece = await anext(self._stream, None)
        except TimeoutError as error:
            if limit.expired():
                raise _too_slow() from error
            raise
        gained = len(piece or b"") / SLOWEST_BYTES_PER_SECOND
        self._patience = min(self._patience - (clock.time() - began) + gained, self._grace)
        return piece


def too_large(max_bytes: int) -> Problem:
    return Problem(
        413,
        "too-large",
        f"The upload has more than {max_bytes} bytes. Split the file.",
        headers={"Connection": "close"},
    )


def _too_slow() -> Problem:
    return Problem(
        408,
        "upload-too-slow",
        f"The upload came slower than {SLOWEST_BYTES_PER_SECOND} bytes a second. Nothing was accepted.",
        headers={"Connection": "close"},
    )


def _is_more(declared: str | None, most: int) -> bool:
    """Whether a Content-Length is a number beyond `most`. It is compared as text: it may have any length."""
    if declared is None or not (declared.isascii() and declared.isdecimal()):
        return False
    digits, limit = declared.lstrip("0"), str(most)
    return (len(digits), digits) > (len(limit), limit)
