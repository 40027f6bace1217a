"""Deletes a request that has ended: its objects, its rows, and word of it to the other services.

The mark in Postgres is the deletion: once it is committed, the rest is done now, by a repeated call or by the sweeper.
The row goes last, so that a crash anywhere leaves something that says what is still to be done.

Images of a request that was cancelled may be under way when it is deleted: processors store their pictures afterwards.
So its name is kept for a day, and its objects are removed again.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, Protocol

from shared.errors import DependencyAway
from shared.events import RequestDeleted
from shared.ids import Owner, RequestId
from shared.kafka.producer import Facts
from shared.topics import REQUESTS_DELETED

log = logging.getLogger(__name__)

Marking = Literal["marked", "running", "unknown"]

# The first follows the patience with busy hosts, which is the longest that an image usually waits; the last is for
# processors that were far behind.
REMOVED_AGAIN_AFTER: Final = (timedelta(hours=1), timedelta(days=1))
# A removal is at work this long; later it counts as interrupted.
REMOVAL_PATIENCE: Final = timedelta(minutes=10)


class DoomedRequest(NamedTuple):
    """A request that is marked as deleted, and of which something may be left."""

    request_id: RequestId
    owner: Owner


class DeletedRequest(NamedTuple):
    """A request of which only the name is left."""

    request_id: RequestId
    deleted_at: datetime


class DeletableRequests(Protocol):
    async def mark_deleted(self, request_id: RequestId, owner: Owner, now: datetime) -> Marking:
        """Mark a request that has ended; marking it again is harmless."""
        ...

    async def remove_request(self, request_id: RequestId, now: datetime, *, again_at: datetime) -> None:
        """Remove every row of a request that is marked. Its name is kept, to have its objects removed again."""
        ...

    async def claim_removals(self, now: datetime, *, until: datetime, limit: int) -> Sequence[DeletedRequest]:
        """Deleted requests whose objects are to be removed again; nobody else is given them `until` then."""
        ...

    async def note_removal(self, request_id: RequestId, again_at: datetime | None) -> None:
        """The objects were removed again. They will be once more, or else the name is forgotten."""
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
        now = self._now()
        await self._requests.remove_request(doomed.request_id, now, again_at=now + REMOVED_AGAIN_AFTER[0])
        log.info("request deleted", extra={"request_id": doomed.request_id})

    async def remove_again(self, *, limit: int) -> int:
        """Remove what was stored of deleted requests after their deletion; return how many requests there were."""
        now = self._now()
        deleted = await self._requests.claim_removals(now, until=now + REMOVAL_PATIENCE, limit=limit)
        for request in deleted:
            await self._objects.remove_all(request.request_id)
            later = [request.deleted_at + after for after in REMOVED_AGAIN_AFTER if request.deleted_at + after > now]
            await self._requests.note_removal(request.request_id, min(later, default=None))
        return len(deleted)
