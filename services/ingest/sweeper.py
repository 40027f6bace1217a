"""Finishes what a crash or an outage left undone.

That is: requests and cancellations nobody heard of, objects of no request, deletions and what came after them.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final, Protocol

from services.ingest.delete_request import DeletableRequests, DeleteRequest
from shared.errors import DependencyAway
from shared.events import CancelRequested
from shared.ids import RequestId
from shared.kafka.producer import Facts
from shared.request_files import RequestFile
from shared.stopping import pause
from shared.topics import REQUESTS_ACCEPTED, REQUESTS_PROGRESS

log = logging.getLogger(__name__)

BATCH: Final = 50
# The announcement beside the answer comes first; sooner than this the sweeper would only repeat it.
PATIENCE: Final = timedelta(seconds=5)
# A lease that has ended is left alone this long: who holds it may come back, and Postgres may have been away.
LEASE_PATIENCE: Final = timedelta(minutes=3)
# A deletion is at work this long; later it counts as interrupted.
DELETION_PATIENCE: Final = timedelta(seconds=30)


class UnannouncedRequests(Protocol):
    """What one sweeper has in hand, no other sees; whoever changes it meanwhile does not wait.

    The work is done when the block ends well, else it is left as it was.
    """

    def unannounced(
        self, accepted_before: datetime, *, limit: int, now: datetime
    ) -> AbstractAsyncContextManager[Sequence[RequestFile]]: ...


class UnsaidCancellations(Protocol):
    """As above, for cancellations."""

    def unsaid_cancellations(
        self, requested_before: datetime, *, limit: int, now: datetime
    ) -> AbstractAsyncContextManager[Sequence[CancelRequested]]: ...


class AbandonedUploads(Protocol):
    """As above, for uploads whose lease was lost or given up, or ended before a moment: then it is lost.

    What is a request is not among them: its row is only dropped.
    """

    def abandoned(
        self, expired_before: datetime, *, limit: int
    ) -> AbstractAsyncContextManager[Sequence[RequestId]]: ...


class RemovableObjects(Protocol):
    async def remove(self, request_id: RequestId) -> None: ...


class Sweeper:
    """May run in any number of processes at once."""

    def __init__(
        self,
        requests: UnannouncedRequests,
        facts: Facts,
        *,
        cancellations: UnsaidCancellations,
        uploads: AbandonedUploads,
        deletions: DeletableRequests,
        delete: DeleteRequest,
        objects: RemovableObjects,
        pause_seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        self._requests = requests
        self._cancellations = cancellations
        self._uploads = uploads
        self._deletions = deletions
        self._delete = delete
        self._facts = facts
        self._objects = objects
        self._pause_seconds = pause_seconds
        self._now = now

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep until stopped. A part that is away is waited for."""
        while not stop.is_set():
            steps = (self.announce, self.cancel, self.remove_abandoned, self.finish_deletions, self.remove_again)
            if max([await self._unless_away(step) for step in steps]) < BATCH:
                await pause(stop, self._pause_seconds)

    async def announce(self) -> int:
        """Say `requests.accepted` for requests of which it was not said; return how many there were."""
        now = self._now()
        async with self._requests.unannounced(now - PATIENCE, limit=BATCH, now=now) as requests:
            if requests:
                await self._facts.publish(REQUESTS_ACCEPTED, *(request.accepted() for request in requests))
                log.info("requests announced by the sweeper", extra={"count": len(requests)})
        return len(requests)

    async def cancel(self) -> int:
        """Say `cancel.requested` for requests of which it was not said; return how many there were."""
        now = self._now()
        async with self._cancellations.unsaid_cancellations(now - PATIENCE, limit=BATCH, now=now) as cancelled:
            if cancelled:
                await self._facts.publish(REQUESTS_PROGRESS, *cancelled)
                log.info("cancellations said by the sweeper", extra={"count": len(cancelled)})
        return len(cancelled)

    async def remove_abandoned(self) -> int:
        """Remove the objects of uploads that never became a request; return how many there were."""
        async with self._uploads.abandoned(self._now() - LEASE_PATIENCE, limit=BATCH) as request_ids:
            for request_id in request_ids:
                await self._objects.remove(request_id)
                log.info("abandoned upload removed", extra={"request_id": request_id})
        return len(request_ids)

    async def finish_deletions(self) -> int:
        """Finish deletions that a crash or an outage interrupted; return how many there were."""
        doomed = await self._deletions.doomed(self._now() - DELETION_PATIENCE, limit=BATCH)
        for request in doomed:
            await self._delete.finish(request)
        return len(doomed)

    async def remove_again(self) -> int:
        """Remove what was stored of deleted requests after their deletion; return how many there were."""
        return await self._delete.remove_again(limit=BATCH)

    async def _unless_away(self, step: Callable[[], Awaitable[int]]) -> int:
        try:
            return await step()
        except DependencyAway as away:
            log.warning("sweep postponed", extra={"part": away.part, "reason": away.reason})
            return 0
