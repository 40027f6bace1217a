"""`requests.accepted`: the first window of chunks is released."""

from services.ingest.domain.release import first_chunks
from services.ingest.known_requests import KnownRequests
from services.ingest.release_chunks import ReleaseChunks
from shared.events import RequestAccepted
from shared.kafka.records import Received


class OnRequestAccepted:
    def __init__(self, requests: KnownRequests, release: ReleaseChunks) -> None:
        self._requests = requests
        self._release = release

    async def __call__(self, received: Received[RequestAccepted]) -> None:
        request = await self._requests.find(received.event.request_id)
        if request is not None:
            await self._release(request, first_chunks(request), received.trigger)
