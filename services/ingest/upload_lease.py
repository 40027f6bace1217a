"""Keeps the lease of an upload while it is received and stored, and ends the work of one that was lost."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from services.ingest.csv_upload import Lease, UploadLost
from shared.errors import DependencyAway

log = logging.getLogger(__name__)

# So long after a crash the key of an upload is free again. The clocks of all processes must agree far better than this.
LEASE: Final = timedelta(seconds=30)
# Two renewals may fail before another upload can have the key.
RENEWALS_IN_A_LEASE: Final = 3


class Renewals(Protocol):
    async def renew(self, lease: Lease, until: datetime) -> bool:
        """Put off the end of a lease; False when it was lost."""
        ...


class LeaseKeeper:
    """Keeps any number of leases. A lease that has ended is renewed all the same, unless it was lost meanwhile."""

    def __init__(self, uploads: Renewals, *, length: timedelta, now: Callable[[], datetime]) -> None:
        self._uploads = uploads
        self._length = length
        self._now = now

    def end(self) -> datetime:
        """When a lease that begins now, or is renewed now, ends."""
        return self._now() + self._length

    @asynccontextmanager
    async def keeping(self, lease: Lease) -> AsyncIterator[None]:
        """Renew the lease while the block runs, and no longer. When it was lost the block ends with `UploadLost`."""
        try:
            async with asyncio.timeout(None) as limit, _beside(self._renew(lease, limit)):
                yield
        except TimeoutError as error:
            if limit.expired():
                raise UploadLost from error
            raise

    async def _renew(self, lease: Lease, limit: asyncio.Timeout) -> None:
        pause_seconds = self._length.total_seconds() / RENEWALS_IN_A_LEASE
        is_held = True
        while is_held:
            await asyncio.sleep(pause_seconds)
            is_held = await self._is_held(lease)
        log.warning("upload lost its lease", extra={"request_id": lease.request_id})
        limit.reschedule(asyncio.get_running_loop().time())

    async def _is_held(self, lease: Lease) -> bool:
        try:
            return await self._uploads.renew(lease, self.end())
        except DependencyAway as away:
            # It may be held all the same: the next renewal or the commit will tell.
            log.warning("lease not renewed", extra={"request_id": lease.request_id, "reason": str(away)})
            return True


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` beside the block; it ends with the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()
