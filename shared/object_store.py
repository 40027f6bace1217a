"""Objects on any S3 server: whole ones on the event loop, all else through the `minio` client in threads of its own.

Errors: `ObjectMissing` for a key that is not there, `DependencyAway` when the server does not answer or cannot work
now. Anything else (a wrong key, a missing bucket) is a mistake of the deployment and passes through.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import RawIOBase
from typing import BinaryIO, Protocol, TypeVar, cast
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.commonconfig import CopySource
from minio.deleteobjects import DeleteObject

from shared.errors import DependencyAway
from shared.object_errors import DEPENDENCY, ObjectMissing, mapping_errors
from shared.object_pipe import PipedUpload
from shared.object_writing import GrowingObject
from shared.s3_http import PATIENCE, S3Http
from shared.settings import S3Settings

__all__ = ["DEPENDENCY", "ObjectFacts", "ObjectMissing", "ObjectStore", "ObjectWriter", "open_object_store"]

T = TypeVar("T")

PART_BYTES = 8 * 1024 * 1024
READ_BYTES = 1024 * 1024

_USER_METADATA = "x-amz-meta-"


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """Size in bytes, content type, and the metadata that was stored with the object."""

    size: int
    content_type: str
    metadata: Mapping[str, str]


class ObjectWriter(Protocol):
    """Takes the bytes of one object, in order."""

    async def write(self, data: bytes) -> None: ...


class ObjectStore:
    """One S3 server. Everything is async; memory is bounded by parts of 8 MiB."""

    def __init__(self, http: S3Http, client: Minio, *, public: Minio | None = None, threads: int = 16) -> None:
        self._http = http
        self._client = client
        self._public = public or client
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="s3")

    async def put(
        self,
        bucket: str,
        key: str,
        data: bytes | memoryview,
        *,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Store an object whole, replacing one of that key. `metadata` (ASCII, lower-case names) stays with it."""
        user_metadata = {f"{_USER_METADATA}{name}": value for name, value in (metadata or {}).items()}
        with mapping_errors(key):
            await self._http.put(bucket, key, data, headers={"Content-Type": content_type, **user_metadata})

    async def get(self, bucket: str, key: str) -> bytes:
        """Return an object whole."""
        with mapping_errors(key):
            return await self._http.get(bucket, key)

    async def stream(self, bucket: str, key: str) -> AsyncIterator[bytes]:
        """Yield an object's bytes in pieces of up to 1 MiB."""
        response = await self._run(lambda: self._client.get_object(bucket, key))
        try:
            while piece := await self._run(lambda: response.read(READ_BYTES)):
                yield piece
        finally:
            response.close()
            response.release_conn()

    @asynccontextmanager
    async def writing(self, bucket: str, key: str, *, content_type: str) -> AsyncIterator[ObjectWriter]:
        """Write an object of unknown length piece by piece; when the block raises, no object comes to be."""
        growing = GrowingObject(
            lambda data: self.put(bucket, key, data, content_type=content_type),
            lambda: PipedUpload(lambda reader: self._upload(bucket, key, reader, content_type=content_type)),
        )
        try:
            yield growing
        except BaseException:
            await growing.abort()
            raise
        await growing.finish()

    async def exists(self, bucket: str, key: str) -> bool:
        try:
            await self.stat(bucket, key)
        except ObjectMissing:
            return False
        return True

    async def stat(self, bucket: str, key: str) -> ObjectFacts:
        """Return what is known of an object without reading it; raises `ObjectMissing`."""
        found = await self._run(lambda: self._client.stat_object(bucket, key))
        metadata = {
            name.lower().removeprefix(_USER_METADATA): value
            for name, value in (found.metadata or {}).items()
            if name.lower().startswith(_USER_METADATA)
        }
        return ObjectFacts(found.size or 0, found.content_type or "", metadata)

    async def copy(self, bucket: str, key: str, *, source_key: str) -> None:
        """Copy an object within its bucket, on the server."""
        await self._run(lambda: self._client.copy_object(bucket, key, CopySource(bucket, source_key)))

    async def delete_all(self, bucket: str, prefix: str) -> None:
        """Delete every object below `prefix`; doing it twice is harmless."""

        def delete() -> None:
            found = self._client.list_objects(bucket, prefix=prefix, recursive=True)
            doomed = (DeleteObject(item.object_name) for item in found if item.object_name)
            for failure in self._client.remove_objects(bucket, doomed):
                raise DependencyAway(DEPENDENCY, f"could not delete an object: {failure.code}")

        await self._run(delete)

    def presigned_get(self, bucket: str, key: str, *, valid_for: timedelta) -> str:
        """A URL on the public endpoint that reads one object for a while; made without asking the server."""
        return self._public.presigned_get_object(bucket, key, expires=valid_for)

    async def create_bucket(self, bucket: str) -> bool:
        """Create a bucket; False when it exists already."""

        def create() -> bool:
            if self._client.bucket_exists(bucket):
                return False
            self._client.make_bucket(bucket)
            return True

        return await self._run(create)

    async def probe(self, bucket: str) -> None:
        """Raise `DependencyAway` unless the server answers and has the bucket."""
        if not await self._run(lambda: self._client.bucket_exists(bucket)):
            raise DependencyAway(DEPENDENCY, f"bucket {bucket} does not exist; run `pixelmill migrate`")

    async def close(self) -> None:
        await self._http.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _upload(self, bucket: str, key: str, reader: RawIOBase, *, content_type: str) -> None:
        await self._run(
            lambda: self._client.put_object(
                bucket,
                key,
                cast(BinaryIO, reader),
                -1,
                content_type=content_type,
                part_size=PART_BYTES,
                num_parallel_uploads=1,  # each would hold a part in memory
            )
        )

    async def _run(self, call: Callable[[], T]) -> T:
        def mapped() -> T:
            with mapping_errors():
                return call()

        return await asyncio.get_running_loop().run_in_executor(self._threads, mapped)


def open_object_store(settings: S3Settings, *, threads: int = 16) -> ObjectStore:
    """Make the store that the settings describe; nothing is asked of the server yet."""
    public = settings.s3_public_endpoint
    return ObjectStore(
        S3Http(settings, at_once=threads),
        _client(settings, settings.s3_endpoint, threads),
        public=_client(settings, public, threads) if public else None,
        threads=threads,
    )


def _client(settings: S3Settings, endpoint: str, threads: int) -> Minio:
    parts = urlsplit(endpoint)
    pool = urllib3.PoolManager(
        maxsize=threads,
        timeout=urllib3.Timeout(connect=PATIENCE.connect_seconds, read=PATIENCE.answer_seconds),
        # A server that hangs is not asked again: the caller decides, and it has waited long enough.
        retries=urllib3.Retry(total=2, read=0, backoff_factor=0.1, status_forcelist=[502, 503, 504]),
    )
    return Minio(
        endpoint=parts.netloc,
        access_key=settings.s3_access_key.get_secret_value(),
        secret_key=settings.s3_secret_key.get_secret_value(),
        secure=parts.scheme == "https",
        region=settings.s3_region,
        http_client=pool,
    )
