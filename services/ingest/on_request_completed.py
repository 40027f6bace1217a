"""`requests.completed`: the request has ended, so nothing more of it is released."""

from datetime import datetime
from typing import Protocol

from services.ingest.known_requests import KnownRequests
from shared.events import EndState, RequestCompleted
from shared.ids import RequestId
from shared.kafka.records import Received


class EndedRequests(Protocol):
    async def mark_ended(self, request_id: RequestId, ended_at: datetime, state: EndState) -> bool:
        """Note the end; False when one is noted already, or the request has no row."""
        ...


class OnRequestCompleted:
    def __init__(self, requests: KnownRequests, ended: EndedRequests) -> None:
        self._requests = requests
        self._ended = ended

    async def __call__(self, received: Received[RequestCompleted]) -> None:
        event = received.event
        end = (event.request_id, event.completed_at, event.state)
        if not await self._ended.mark_ended(*end) and await self._requests.find(event.request_id) is not None:
            # A row that was missing has been restored.
            await self._ended.mark_ended(*end)
