"""When a request was deleted, what was owed for it goes too. A completion that comes later finds no callback URL."""

from typing import Protocol

from shared.events import RequestDeleted
from shared.ids import RequestId
from shared.kafka.records import Received


class Deliveries(Protocol):
    async def forget(self, request_id: RequestId) -> None:
        """Remove the deliveries of a request and their attempts."""


class OnRequestDeleted:
    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    async def __call__(self, received: Received[RequestDeleted]) -> None:
        await self._deliveries.forget(received.event.request_id)
