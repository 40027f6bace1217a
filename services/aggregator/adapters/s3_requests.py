"""What ingest wrote beside the input, read from object storage.

What cannot be read concerns one request, and must not end the process that works for all: it is `RequestDamaged`.
"""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from pydantic import ValidationError

from services.aggregator.domain.standstill import Reminders
from services.aggregator.known_requests import RequestDamaged, RequestGone
from services.aggregator.metrics import REQUESTS_DAMAGED
from shared import object_keys
from shared.ids import RequestId
from shared.object_store import ObjectMissing
from shared.request_files import ManifestImage, RequestFile

log = logging.getLogger(__name__)

SAID_AGAIN_AFTER: Final = timedelta(minutes=10)
INVALID: Final = "does not validate"


class ReadableObjects(Protocol):
    async def get(self, bucket: str, key: str) -> bytes: ...

    def stream(self, bucket: str, key: str) -> AsyncIterator[bytes]: ...


class S3Requests:
    def __init__(
        self, store: ReadableObjects, bucket: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._bucket = bucket
        self._now = now
        self._reminders = Reminders(SAID_AGAIN_AFTER, longest=SAID_AGAIN_AFTER)

    async def read(self, request_id: RequestId) -> RequestFile | None:
        """Read `request.json`; None when there is none. Raises `RequestDamaged`."""
        key = object_keys.request_object(request_id)
        try:
            return RequestFile.model_validate_json(await self._store.get(self._bucket, key))
        except ObjectMissing:
            return None
        except ValidationError as error:
            raise self.damaged(request_id, key, why=INVALID) from error

    async def manifest(self, request_id: RequestId, chunk: int) -> Sequence[ManifestImage]:
        """The images of one chunk, in order. Raises `RequestGone` and `RequestDamaged`."""
        key = object_keys.manifest_chunk(request_id, chunk)
        try:
            data = await self._store.get(self._bucket, key)
            return [ManifestImage.model_validate_json(line) for line in data.splitlines() if line]
        except ObjectMissing as missing:
            raise await self._without(request_id, key) from missing
        except ValidationError as error:
            raise self.damaged(request_id, key, why=INVALID) from error

    async def input(self, request_id: RequestId) -> AsyncIterator[bytes]:
        """The input CSV in pieces. Raises `RequestGone` and `RequestDamaged`."""
        key = object_keys.input_csv(request_id)
        try:
            async for piece in self._store.stream(self._bucket, key):
                yield piece
        except ObjectMissing as missing:
            raise await self._without(request_id, key) from missing

    def damaged(self, request_id: RequestId, key: str, *, why: str) -> RequestDamaged:
        """Count the damage, say once in a while what is damaged, and return what is to be raised."""
        REQUESTS_DAMAGED.inc()
        now = self._now()
        if self._reminders.is_due(key, now):
            self._reminders.said(key, now)
            fields = {"request_id": request_id, "object": key, "reason": why}
            log.error("request is damaged and passed over", extra=fields)
        return RequestDamaged(request_id)

    async def _without(self, request_id: RequestId, key: str) -> RequestGone:
        # Only of a deleted request something may be missing.
        return (
            RequestGone(request_id)
            if await self.read(request_id) is None
            else self.damaged(request_id, key, why="is missing")
        )
