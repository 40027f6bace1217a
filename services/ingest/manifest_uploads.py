"""Stores manifest chunks while the CSV is still being read: several at once, never more than a few."""

import asyncio
from types import TracebackType
from typing import Final

from services.ingest.csv_upload import UploadObjects
from services.ingest.domain.manifest import ManifestChunk
from shared.ids import RequestId

AT_ONCE: Final = 16


class ManifestUploads:
    """As a context manager it ends with every chunk stored, or raises. It leaves no write behind that still runs."""

    def __init__(self, objects: UploadObjects, request_id: RequestId) -> None:
        self._objects = objects
        self._request_id = request_id
        self._running: set[asyncio.Task[None]] = set()

    async def add(self, chunks: list[ManifestChunk]) -> None:
        """Start to store chunks; waits while too many are under way, and raises what an earlier one raised."""
        for chunk in chunks:
            while len(self._running) >= AT_ONCE:
                await self._settle(asyncio.FIRST_COMPLETED)
            self._running.add(asyncio.create_task(self._objects.put_manifest(self._request_id, chunk)))

    async def __aenter__(self) -> "ManifestUploads":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            while self._running:
                await self._settle(asyncio.FIRST_COMPLETED)
        else:
            # A write that is dropped may still arrive after the objects have been removed: wait for it.
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _settle(self, when: str) -> None:
        done, self._running = await asyncio.wait(self._running, return_when=when)
        for task in done:
            task.result()
