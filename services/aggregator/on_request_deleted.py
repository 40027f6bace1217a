"""A request was deleted: its rows go. An event of it that comes later finds neither row nor file, and is dropped."""

import logging
from typing import Protocol

from shared.events import RequestDeleted
from shared.ids import RequestId
from shared.kafka.records import Received

log = logging.getLogger(__name__)


class RequestRows(Protocol):
    async def delete(self, request_id: RequestId) -> None:
        """Remove everything that is known of the request."""


class OnRequestDeleted:
    def __init__(self, rows: RequestRows) -> None:
        self._rows = rows

    async def __call__(self, received: Received[RequestDeleted]) -> None:
        await self._rows.delete(received.event.request_id)
        log.info("request deleted", extra={"request_id": received.event.request_id})
