"""From a noted upload to an accepted request: what every way of making a request has in common.

Until the commit nothing is accepted. The upload's row comes first, so that whatever a crash leaves behind is found.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol, TypeVar

from services.ingest.csv_upload import Agreed, Announcements, Notes, Submitter, Upload, Uploads, UploadTooSlow
from shared.errors import DependencyAway
from shared.ids import RequestId
from shared.request_files import RequestFile

T = TypeVar("T")

log = logging.getLogger(__name__)

# An upload is swept only when it can no longer be committed: its commit has this long after the upload's time.
COMMIT_GRACE: Final = timedelta(minutes=3)


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
    ) -> None:
        self._uploads = uploads
        self._objects = objects
        self._announcements = announcements
        self._timeout = timeout
        self._now = now

    async def begin(self, request_id: RequestId, submitter: Submitter) -> Upload | Agreed:
        """Note an upload under a name of its own, or return what its key stands for. Raises `KeyInUse`."""
        upload = self._upload(request_id, submitter)
        return await self._uploads.begin(upload, self._now()) or upload

    async def take(self, request_id: RequestId, submitter: Submitter) -> Upload | None:
        """Note an upload under a name that others may have begun, too; None when it is a request, or was."""
        upload = self._upload(request_id, submitter)
        return upload if await self._uploads.take(upload) else None

    async def stored(self, upload: Upload, work: Awaitable[T]) -> T:
        """What `work` returns; when it raises or takes too long, what it wrote is removed."""
        try:
            return await self.in_time(work)
        except BaseException:
            await self.discard(upload)
            raise

    async def in_time(self, work: Awaitable[T]) -> T:
        """What `work` returns; raises `UploadTooSlow`."""
        try:
            async with asyncio.timeout(self._timeout.total_seconds()) as limit:
                return await work
        except TimeoutError as error:
            if limit.expired():
                raise UploadTooSlow from error
            raise

    async def commit(self, agreed: Agreed, submitter: Submitter) -> Accepted:
        """Accept what is stored."""
        request = agreed.request
        try:
            await self._uploads.accept(agreed, submitter)
        except BaseException:
            # Whether it was committed may be unknown, so the objects stay until the sweeper can tell.
            await self.leave_to_sweeper(request.request_id)
            raise
        log.info("request accepted", extra={"request_id": request.request_id, "images": request.images_total})
        self._announcements.announce_soon(request)
        return Accepted(request, agreed.notes, replayed=False)

    async def discard(self, upload: Upload) -> None:
        """Remove what the upload wrote; what cannot be removed now is left to the sweeper."""
        request_id = upload.request_id
        try:
            await self._objects.remove(request_id)
            await self._uploads.forget(request_id)
        except DependencyAway as away:
            log.warning("upload not cleaned up yet", extra={"request_id": request_id, "reason": str(away)})
            await self.leave_to_sweeper(request_id)

    async def leave_to_sweeper(self, request_id: RequestId) -> None:
        """Give an upload up, unless it has become a request."""
        try:
            await self._uploads.expire(request_id)
        except DependencyAway as away:
            log.warning("upload is swept when its time is over", extra={"request_id": request_id, "reason": str(away)})

    def _upload(self, request_id: RequestId, submitter: Submitter) -> Upload:
        return Upload(request_id, submitter, self._now() + self._timeout + COMMIT_GRACE)
