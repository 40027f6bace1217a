"""Copies the manifest of a request for its retry: several chunks at once, in bounded memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from services.ingest.csv_upload import UploadObjects
from services.ingest.domain.retried_manifest import DamagedResults, retried_chunk
from services.ingest.manifest_uploads import ManifestUploads
from services.ingest.result_lines import ResultLines
from shared.ids import RequestId
from shared.request_files import RequestFile

CHUNKS_AT_ONCE: Final = 16
IMAGES_AT_ONCE: Final = 4000


class OriginalObjects(UploadObjects, Protocol):
    async def manifest_body(self, request_id: RequestId, chunk: int) -> bytes | None:
        """A chunk as it is stored; None when there is no such object."""
        ...

    def results(self, request_id: RequestId) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """results.jsonl in pieces; an object that is gone reads as an empty one."""
        ...


async def store_retried_images(original: RequestFile, request_id: RequestId, objects: OriginalObjects) -> int:
    """Write the manifest of the retry; return how many images it carries over. Raises `DamagedResults`."""
    carried_over = 0
    at_once = max(1, min(CHUNKS_AT_ONCE, IMAGES_AT_ONCE // original.chunk_size))
    async with ManifestUploads(objects, request_id) as uploads, objects.results(original.request_id) as pieces:
        lines = ResultLines(pieces)
        for first in range(0, original.chunks_total, at_once):
            numbers = range(first, min(first + at_once, original.chunks_total))
            bodies = await asyncio.gather(*(objects.manifest_body(original.request_id, each) for each in numbers))
            for number, body in zip(numbers, bodies, strict=True):
                results = await lines.take(original.images_in_chunk(number))
                if body is None:
                    raise DamagedResults(f"manifest chunk {number} is gone")
                retried = await asyncio.to_thread(retried_chunk, number, body, results)
                await uploads.add([retried.chunk])
                carried_over += retried.carried_over
        if await lines.take(1):
            raise DamagedResults("there are more results than images")
    return carried_over
