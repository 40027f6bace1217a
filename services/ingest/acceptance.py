"""From a noted upload to an accepted request: what every way of making a request has in common.

Until the commit nothing is accepted. The upload's row comes first, so that whatever a crash leaves behind is found.
The row is leased: after a crash its key is free as soon as the lease has ended, and who lost it commits nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol, TypeVar

from services.ingest.csv_upload import (
    Agreed,
    Announcements,
    Lease,
    Notes,
    QuotaExceeded,
    Submitter,
    Upload,
    Uploads,
    UploadTooSlow,
)
from services.ingest.domain.quotas import Usage
from services.ingest.upload_lease import LEASE, LeaseKeeper
from shared.errors import DependencyAway
from shared.ids import RequestId
from shared.request_files import RequestFile

T = TypeVar("T")

log = logging.getLogger(__name__)

NOTHING: Final = Usage()


class Accepted(NamedTuple):
    """The request exists; `replayed` when it did before, under the same Idempotency-Key."""

    request: RequestFile
    notes: Notes
    replayed: bool


class RemovableObjects(Protocol):
    async def remove(self, request_id: RequestId) -> None: ...


class Acceptance:
    """Safe to be used for many uploads at once. An upload has `timeout` to be stored."""

    def __init__(
        self,
        uploads: Uploads,
        objects: RemovableObjects,
        announcements: Announcements,
        *,
        timeout: timedelta,
        now: Callable[[], datetime],
        lease: timedelta = LEASE,
    ) -> None:
        self._uploads = uploads
        self._objects = objects
        self._announcements = announcements
        self._timeout = timeout
        self._now = now
        self._keeper = LeaseKeeper(uploads, length=lease, now=now)

    async def begin(self, request_id: RequestId, submitter: Submitter, *, least: Usage = NOTHING) -> Lease | Agreed:
        """Note an upload under a name of its own, or return what its key stands for.

        Raises `KeyInUse`, and `QuotaExceeded` when `least` would be too much.
        """
        return await self._uploads.begin(self._upload(request_id, submitter, least), self._now())

    async def earlier(self, submitter: Submitter) -> Agreed | None:
        """What the submitter's Idempotency-Key stands for."""
        return await self._uploads.agreed(submitter)

    async def count_received(self, submitter: Submitter, size: int) -> None:
        """Count what was received and did not become a request, if anybody is counted."""
        if submitter.key_id is None or not size:
            return
        try:
            await self._uploads.count_received(submitter.key_id, size, self._now())
        except DependencyAway as away:
            log.warning("received bytes not counted", extra={"key_id": submitter.key_id, "reason": str(away)})

    async def take(self, request_id: RequestId, submitter: Submitter) -> Lease | None:
        """Note an upload under a name that others may have begun, too; None when it is a request, or was."""
        return await self._uploads.take(self._upload(request_id, submitter))

    async def stored(self, lease: Lease, work: Awaitable[T]) -> T:
        """What `work` returns; when it raises, takes too long or loses its lease, what it wrote is removed."""
        try:
            return await self.kept(lease, work)
        except BaseException:
            await self.discard(lease)
            raise

    async def kept(self, lease: Lease, work: Awaitable[T]) -> T:
        """What `work` returns, with the lease renewed beside it; raises `UploadTooSlow`, `UploadLost`."""
        async with self._keeper.keeping(lease):
            return await self.in_time(work)

    async def in_time(self, work: Awaitable[T]) -> T:
        """What `work` returns; raises `UploadTooSlow`."""
        try:
            async with asyncio.timeout(self._timeout.total_seconds()) as limit:
                return await work
        except TimeoutError as error:
            if limit.expired():
                raise UploadTooSlow from error
            raise

    async def commit(self, agreed: Agreed, lease: Lease) -> Accepted:
        """Accept what is stored. Raises `UploadLost` when something of it may be gone, `KeyInUse`, `QuotaExceeded`."""
        request = agreed.request
        try:
            await self._uploads.accept(agreed, lease)
        except QuotaExceeded:
            await self.discard(lease)
            raise
        except BaseException:
            # Whether it was committed may be unknown, so the objects stay until the sweeper can tell.
            await self.leave_to_sweeper(lease)
            raise
        log.info("request accepted", extra={"request_id": request.request_id, "images": request.images_total})
        self._announcements.announce_soon(request)
        return Accepted(request, agreed.notes, replayed=False)

    async def discard(self, lease: Lease) -> None:
        """Remove what an upload under a name of its own wrote; what cannot be removed now is left to the sweeper."""
        request_id = lease.request_id
        try:
            await self._objects.remove(request_id)
            await self._uploads.forget(request_id)
        except DependencyAway as away:
            log.warning("upload not cleaned up yet", extra={"request_id": request_id, "reason": str(away)})
            await self.leave_to_sweeper(lease)

    async def leave_to_sweeper(self, lease: Lease) -> None:
        """Give an upload up, unless it has become a request."""
        try:
            await self._uploads.give_up(lease)
        except DependencyAway as away:
            fields = {"request_id": lease.request_id, "reason": str(away)}
            log.warning("upload is swept when its lease is over", extra=fields)

    def _upload(self, request_id: RequestId, submitter: Submitter, least: Usage = NOTHING) -> Upload:
        return Upload(request_id, submitter, self._keeper.end(), least)
