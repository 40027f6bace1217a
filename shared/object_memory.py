"""Objects in memory: the twin of `ObjectStore` for tests. The same behaviour suite runs on it and on real servers."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from shared.errors import DependencyAway
from shared.object_store import DEPENDENCY, READ_BYTES, ObjectFacts, ObjectMissing, ObjectWriter


class MemoryObjects:
    """Keeps objects by bucket and key. While `is_away` is set, every call raises `DependencyAway`."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.content_types: dict[tuple[str, str], str] = {}
        self.metadata: dict[tuple[str, str], dict[str, str]] = {}
        self.is_away = False

    async def put(
        self,
        bucket: str,
        key: str,
        data: bytes | memoryview,
        *,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self._answer()
        self.objects[bucket, key] = bytes(data)
        self.content_types[bucket, key] = content_type
        self.metadata[bucket, key] = dict(metadata or {})

    async def get(self, bucket: str, key: str) -> bytes:
        self._answer()
        try:
            return self.objects[bucket, key]
        except KeyError:
            raise ObjectMissing(key) from None

    async def stream(self, bucket: str, key: str) -> AsyncIterator[bytes]:
        data = await self.get(bucket, key)
        for start in range(0, len(data), READ_BYTES):
            yield data[start : start + READ_BYTES]

    @asynccontextmanager
    async def writing(self, bucket: str, key: str, *, content_type: str) -> AsyncIterator[ObjectWriter]:
        self._answer()
        writer = _MemoryWriter()
        yield writer
        await self.put(bucket, key, bytes(writer.data), content_type=content_type)

    async def exists(self, bucket: str, key: str) -> bool:
        self._answer()
        return (bucket, key) in self.objects

    async def stat(self, bucket: str, key: str) -> ObjectFacts:
        data = await self.get(bucket, key)
        return ObjectFacts(len(data), self.content_types[bucket, key], self.metadata[bucket, key])

    async def copy(self, bucket: str, key: str, *, source_key: str) -> None:
        data = await self.get(bucket, source_key)
        place = bucket, source_key
        await self.put(bucket, key, data, content_type=self.content_types[place], metadata=self.metadata[place])

    async def delete_all(self, bucket: str, prefix: str) -> None:
        self._answer()
        for found in [place for place in self.objects if place[0] == bucket and place[1].startswith(prefix)]:
            del self.objects[found]

    def presigned_get(self, bucket: str, key: str, *, valid_for: timedelta) -> str:
        return f"memory://{bucket}/{key}?expires={int(valid_for.total_seconds())}"

    async def create_bucket(self, bucket: str) -> bool:  # noqa: ARG002 - the twin has every bucket
        self._answer()
        return False

    async def probe(self, bucket: str) -> None:  # noqa: ARG002 - the twin has every bucket
        self._answer()

    async def close(self) -> None:
        pass

    def _answer(self) -> None:
        if self.is_away:
            raise DependencyAway(DEPENDENCY, "set away by a test")


class _MemoryWriter:
    def __init__(self) -> None:
        self.data = bytearray()

    async def write(self, data: bytes) -> None:
        self.data += data
