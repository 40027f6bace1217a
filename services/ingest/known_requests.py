"""What was agreed about a request, from Postgres or else from request.json: a missing row never means skip."""

import logging
from typing import Protocol

from shared.ids import RequestId
from shared.request_files import RequestFile

log = logging.getLogger(__name__)


class RequestRows(Protocol):
    async def find(self, request_id: RequestId) -> RequestFile | None: ...

    async def restore(self, request: RequestFile) -> bool:
        """Insert a request that is known from elsewhere, unless it is there; False when it was deleted."""
        ...


class RequestObjects(Protocol):
    async def request(self, request_id: RequestId) -> RequestFile | None:
        """The content of request.json; None when there is no such object, or a damaged one."""
        ...


class KnownRequests:
    """Finds requests, and restores rows that are missing."""

    def __init__(self, rows: RequestRows, objects: RequestObjects) -> None:
        self._rows = rows
        self._objects = objects

    async def find(self, request_id: RequestId) -> RequestFile | None:
        """The request; None when neither row nor object is there, or when it was deleted."""
        request = await self._rows.find(request_id)
        if request is not None:
            return request
        request = await self._objects.request(request_id)
        if request is not None and await self._rows.restore(request):
            return request
        log.warning("event of a request that does not exist", extra={"request_id": request_id})
        return None
