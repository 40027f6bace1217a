"""A completion stands in its topic for good: note it, so that not even an offset reset publishes it twice."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from shared.events import RequestCompleted
from shared.ids import RequestId
from shared.kafka.records import Received


class Publications(Protocol):
    async def set_published(self, request_id: RequestId, *, at: datetime) -> None: ...


class OnRequestCompleted:
    def __init__(self, publications: Publications, *, now: Callable[[], datetime]) -> None:
        self._publications = publications
        self._now = now

    async def __call__(self, received: Received[RequestCompleted]) -> None:
        await self._publications.set_published(received.event.request_id, at=self._now())
