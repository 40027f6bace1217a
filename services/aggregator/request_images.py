"""What the manifest says of images, beside their results. Recorded chunks bring theirs; the end brings the rest."""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from services.aggregator.known_requests import RequestRow
from shared.ids import RequestId
from shared.request_files import ManifestImage

CHUNKS_AT_ONCE: Final = 4


class Manifests(Protocol):
    async def manifest(self, request_id: RequestId, chunk: int) -> Sequence[ManifestImage]: ...


class ImageRows(Protocol):
    async def missing_chunks(self, request: RequestRow) -> Sequence[int]:
        """Chunks whose images have no rows yet."""
        ...

    async def insert(self, request_id: RequestId, images: Sequence[ManifestImage]) -> None:
        """Insert rows for these images, all of one chunk, unless they exist."""


class RequestImages:
    def __init__(self, manifests: Manifests, rows: ImageRows) -> None:
        self._manifests = manifests
        self._rows = rows

    async def fill(self, request: RequestRow) -> None:
        """Insert the rows of all chunks that have none."""
        missing = await self._rows.missing_chunks(request)
        for start in range(0, len(missing), CHUNKS_AT_ONCE):
            chunks = missing[start : start + CHUNKS_AT_ONCE]
            await asyncio.gather(*(self._insert(request.request_id, chunk) for chunk in chunks))

    async def _insert(self, request_id: RequestId, chunk: int) -> None:
        await self._rows.insert(request_id, await self._manifests.manifest(request_id, chunk))
