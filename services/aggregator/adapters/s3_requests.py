"""What ingest wrote beside the input, read from object storage."""

from collections.abc import AsyncIterator, Sequence

from shared import object_keys
from shared.ids import RequestId
from shared.object_store import ObjectMissing, ObjectStore
from shared.request_files import ManifestImage, RequestFile


class S3Requests:
    def __init__(self, store: ObjectStore, bucket: str) -> None:
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
