"""What ingest wrote beside the input, read from object storage."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from shared import object_keys
from shared.ids import RequestId
from shared.object_store import ObjectMissing
from shared.request_files import ManifestImage, RequestFile


class ReadableObjects(Protocol):
    async def get(self, bucket: str, key: str) -> bytes: ...

    def stream(self, bucket: str, key: str) -> AsyncIterator[bytes]: ...


class S3Requests:
    def __init__(self, store: ReadableObjects, bucket: str) -> None:
        self._store = store
        self._bucket = bucket

    async def read(self, request_id: RequestId) -> RequestFile | None:
        try:
            data = await self._store.get(self._bucket, object_keys.request_object(request_id))
        except ObjectMissing:
            return None
        return RequestFile.model_validate_json(data)

    async def manifest(self, request_id: RequestId, chunk: int) -> Sequence[ManifestImage]:
        """The images of one chunk, in order."""
        data = await self._store.get(self._bucket, object_keys.manifest_chunk(request_id, chunk))
        return [ManifestImage.model_validate_json(line) for line in data.splitlines() if line]

    def input(self, request_id: RequestId) -> AsyncIterator[bytes]:
        """The input CSV in pieces."""
        return self._store.stream(self._bucket, object_keys.input_csv(request_id))
