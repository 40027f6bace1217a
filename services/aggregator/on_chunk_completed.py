"""A chunk is complete: record it with what the manifest says of it, and end the request when it was the last."""

import logging
from collections.abc import Sequence
from typing import Protocol

from services.aggregator.known_requests import RequestGone, RequestRow
from services.aggregator.request_gone import dropped
from shared.events import ChunkCompleted, EndState
from shared.ids import RequestId
from shared.kafka.records import Received, Trigger
from shared.request_files import ManifestImage

log = logging.getLogger(__name__)


class Requests(Protocol):
    async def row(self, request_id: RequestId) -> RequestRow: ...

    async def manifest(self, request_id: RequestId, chunk: int) -> Sequence[ManifestImage]: ...


class RecordedChunks(Protocol):
    async def record_chunk(self, request: RequestRow, chunk: int, images: Sequence[ManifestImage]) -> int:
        """Record the chunk and its images unless it is recorded; return how many of the request's chunks are."""
        ...


class End(Protocol):
    async def reach(self, request: RequestRow, trigger: Trigger, *, state: EndState | None = None) -> None: ...


class OnChunkCompleted:
    def __init__(self, requests: Requests, chunks: RecordedChunks, end: End) -> None:
        self._requests = requests
        self._chunks = chunks
        self._end = end

    async def __call__(self, received: Received[ChunkCompleted]) -> None:
        event = received.event
        try:
            request = await self._requests.row(event.request_id)
            if event.chunk >= request.chunks_total:
                log.error("chunk that its request does not have", extra={"trigger": str(received.trigger)})
                return
            images = await self._requests.manifest(event.request_id, event.chunk)
            recorded = await self._chunks.record_chunk(request, event.chunk, images)
            if recorded == request.chunks_total:
                await self._end.reach(request, received.trigger)
        except RequestGone as gone:
            dropped(received, gone)
