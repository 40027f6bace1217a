"""A chunk is complete: record it, and end the request when it was the last."""

from typing import Protocol

from services.aggregator.known_requests import RequestGone, RequestRow
from services.aggregator.request_gone import dropped
from shared.events import ChunkCompleted, EndState
from shared.ids import RequestId
from shared.kafka.records import Received, Trigger


class Requests(Protocol):
    async def row(self, request_id: RequestId) -> RequestRow: ...


class RecordedChunks(Protocol):
    async def record_chunk(self, request: RequestRow, chunk: int) -> int:
        """Record the chunk unless it is recorded; return how many of the request's chunks are."""
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
            recorded = await self._chunks.record_chunk(request, event.chunk)
            if recorded == request.chunks_total:
                await self._end.reach(request, received.trigger)
        except RequestGone:
            dropped(received)
