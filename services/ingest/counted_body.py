"""Counts what is received of an upload, whatever becomes of it."""

from collections.abc import AsyncIterator

from services.ingest.csv_upload import UploadBody
from services.ingest.domain.options import SubmitOptions


class CountedBody:
    """A body like the one that it is made of. `received` is how many bytes of the file have come."""

    def __init__(self, body: UploadBody) -> None:
        self._body = body
        self.received = 0

    def least_bytes(self) -> int:
        return self._body.least_bytes()

    async def open(self) -> SubmitOptions:
        return await self._body.open()

    async def pieces(self) -> AsyncIterator[bytes]:
        async for piece in self._body.pieces():
            self.received += len(piece)
            yield piece

    def options(self) -> SubmitOptions:
        return self._body.options()
