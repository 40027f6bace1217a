"""Deletes a request that has ended: its objects, its rows, and word of it to the other services.

The mark in Postgres is the deletion: once it is committed, the rest is done now, by a repeated call or by the sweeper.
The row goes last, so that a crash anywhere leaves something that says what is still to be done.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from shared.errors import DependencyAway
from shared.events import RequestDeleted
from shared.ids import Owner, RequestId
from shared.kafka.producer import Facts
from shared.topics import REQUESTS_DELETED

log = logging.getLogger(__name__)

Marking = Literal["marked", "running", "unknown"]


class DoomedRequest(NamedTuple):
    """A request that is marked as deleted, and of which something may be left."""

    request_id: RequestId
    owner: Owner


class DeletableRequests(Protocol):
    async def mark_deleted(self, request_id: RequestId, owner: Owner, now: datetime) -> Marking:
        """Mark a request that has ended; marking it again is harmless."""
        ...

    async def remove_request(self, request_id: RequestId) -> None:
        """Remove every row of a request that is marked."""
        ...

    async def doomed(self, marked_before: datetime, *, limit: int) -> Sequence[DoomedRequest]:
        """Requests that were marked before a moment and are still there."""
        ...


class DeletableObjects(Protocol):
    async def remove_all(self, request_id: RequestId) -> None:
        """Remove every object of a request, pictures too."""
        ...


class DeleteRequest:
    """Safe to be called twice, and by several processes at once: readers take the event twice without harm."""

    def __init__(
        self, requests: DeletableRequests, objects: DeletableObjects, facts: Facts, *, now: Callable[[], datetime]
    ) -> None:
        self._requests = requests
        self._objects = objects
        self._facts = facts
        self._now = now

    async def __call__(self, request_id: RequestId, owner: Owner) -> Marking:
        """Delete a request unless it is unknown or has not ended. Raises `DependencyAway` only before the mark."""
        marking = await self._requests.mark_deleted(request_id, owner, self._now())
        if marking == "marked":
            try:
                await self.finish(DoomedRequest(request_id, owner))
            except DependencyAway as away:
                log.warning("deletion is finished later", extra={"request_id": request_id, "reason": str(away)})
        return marking

    async def finish(self, doomed: DoomedRequest) -> None:
        """Do what the mark promises."""
        await self._objects.remove_all(doomed.request_id)
        await self._facts.publish(REQUESTS_DELETED, RequestDeleted(request_id=doomed.request_id, owner=doomed.owner))
        await self._requests.remove_request(doomed.request_id)
        log.info("request deleted", extra={"request_id": doomed.request_id})
