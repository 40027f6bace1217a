"""The objects of requests: input, manifest, request.json."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Protocol

from pydantic import ValidationError

from services.ingest.domain.manifest import ManifestChunk, read_manifest_chunk
from shared.ids import RequestId
from shared.object_keys import failures_csv, input_csv, manifest_chunk, request_object, results
from shared.object_store import ObjectMissing, ObjectWriter
from shared.request_files import ManifestImage, RequestFile

log = logging.getLogger(__name__)


class Objects(Protocol):
    """What is used of an object store; `shared.object_store.ObjectStore` and its twin in memory have it."""

    async def put(self, bucket: str, key: str, data: bytes, *, content_type: str) -> None: ...

    async def get(self, bucket: str, key: str) -> bytes: ...

    def stream(self, bucket: str, key: str) -> AsyncIterator[bytes]: ...

    async def exists(self, bucket: str, key: str) -> bool: ...

    async def copy(self, bucket: str, key: str, *, source_key: str) -> None: ...

    def writing(self, bucket: str, key: str, *, content_type: str) -> AbstractAsyncContextManager[ObjectWriter]: ...

    async def delete_all(self, bucket: str, prefix: str) -> None: ...


class S3Requests:
    """Trouble with the server is `DependencyAway`. `bucket` holds requests, `images_bucket` their pictures."""

    def __init__(self, store: Objects, bucket: str, *, images_bucket: str) -> None:
        self._store = store
        self._bucket = bucket
        self._images_bucket = images_bucket

    def writing_input(self, request_id: RequestId) -> AbstractAsyncContextManager[ObjectWriter]:
        return self._store.writing(self._bucket, input_csv(request_id), content_type="text/csv")

    async def put_manifest(self, request_id: RequestId, chunk: ManifestChunk) -> None:
        key = manifest_chunk(request_id, chunk.number)
        await self._store.put(self._bucket, key, chunk.body, content_type="application/jsonl")

    async def put_request(self, request: RequestFile) -> None:
        body = request.model_dump_json().encode()
        key = request_object(request.request_id)
        await self._store.put(self._bucket, key, body, content_type="application/json")

    async def remove(self, request_id: RequestId) -> None:
        await self._store.delete_all(self._bucket, f"{request_id}/")

    async def remove_all(self, request_id: RequestId) -> None:
        await self._store.delete_all(self._images_bucket, f"{request_id}/")
        await self.remove(request_id)

    async def request(self, request_id: RequestId) -> RequestFile | None:
        body = await self._found(request_object(request_id))
        if body is None:
            return None
        try:
            return RequestFile.model_validate_json(body)
        except ValidationError as error:
            # It would be no better the next time, so nobody may end over it.
            fields = {"request_id": request_id, "reason": f"{error.error_count()} errors"}
            log.error("request.json is damaged, so it counts as gone", extra=fields)
            return None

    async def manifest_chunk(self, request_id: RequestId, chunk: int) -> list[ManifestImage] | None:
        body = await self.manifest_body(request_id, chunk)
        return None if body is None else list(read_manifest_chunk(body))

    async def manifest_body(self, request_id: RequestId, chunk: int) -> bytes | None:
        return await self._found(manifest_chunk(request_id, chunk))

    def results(self, request_id: RequestId) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return aclosing(self._results(request_id))

    async def has_results(self, request_id: RequestId) -> bool:
        return await self._store.exists(self._bucket, results(request_id))

    async def has_failures(self, request_id: RequestId) -> bool:
        return await self._store.exists(self._bucket, failures_csv(request_id))

    async def copy_input(self, request_id: RequestId, *, source: RequestId) -> None:
        await self._store.copy(self._bucket, input_csv(request_id), source_key=input_csv(source))

    async def _results(self, request_id: RequestId) -> AsyncGenerator[bytes, None]:
        try:
            async for piece in self._store.stream(self._bucket, results(request_id)):
                yield piece
        except ObjectMissing:
            return

    async def _found(self, key: str) -> bytes | None:
        try:
            return await self._store.get(self._bucket, key)
        except ObjectMissing:
            return None
