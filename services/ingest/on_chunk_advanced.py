"""`chunk.advanced`: the chunk one window further on is released.

`chunk.completed` says as much, and does it again: should a crash have swallowed the first, nothing hangs.
"""

from services.ingest.domain.release import chunks_after
from services.ingest.known_requests import KnownRequests
from services.ingest.release_chunks import ReleaseChunks
from shared.events import ChunkAdvanced, ChunkCompleted
from shared.kafka.records import Received


class OnChunkAdvanced:
    def __init__(self, requests: KnownRequests, release: ReleaseChunks) -> None:
        self._requests = requests
        self._release = release

    async def __call__(self, received: Received[ChunkAdvanced | ChunkCompleted]) -> None:
        chunks = chunks_after(received.event)
        if not chunks:
            # Most requests are no longer than the window: nobody is asked about them.
            return
        request = await self._requests.find(received.event.request_id)
        if request is not None:
            await self._release(request, chunks, received.trigger)
