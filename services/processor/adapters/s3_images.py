"""Renditions in the bucket of images."""

from collections.abc import Mapping
from typing import Protocol

from services.processor.domain.picture import CONTENT_TYPES, PictureFormat
from shared.object_store import ObjectFacts, ObjectMissing

# No request has this key: theirs begin with a uuid.
PROBE_KEY = "probe"


class Objects(Protocol):
    async def put(
        self,
        bucket: str,
        key: str,
        data: bytes | memoryview,
        *,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> None: ...

    async def stat(self, bucket: str, key: str) -> ObjectFacts: ...

    async def copy(self, bucket: str, key: str, *, source_key: str) -> None: ...


class S3Images:
    """Stores pictures with the content type of what they are; an object of the same key is replaced."""

    def __init__(self, store: Objects, bucket: str) -> None:
        self._store = store
        self._bucket = bucket
        self._has_stored_probe = False

    async def store(self, key: str, content: bytes, *, format_: PictureFormat, metadata: Mapping[str, str]) -> None:
        await self._store.put(self._bucket, key, content, content_type=CONTENT_TYPES[format_], metadata=metadata)

    async def metadata(self, key: str) -> Mapping[str, str] | None:
        """Return what was stored with an object; None when there is no such object."""
        try:
            return (await self._store.stat(self._bucket, key)).metadata
        except ObjectMissing:
            return None

    async def copy(self, source_key: str, key: str) -> bool:
        """Copy an object with its metadata, on the server; False when it is gone."""
        try:
            await self._store.copy(self._bucket, key, source_key=source_key)
        except ObjectMissing:
            return False
        return True

    async def probe(self) -> None:
        """Raise `DependencyAway` unless S3 answers. It asks for no more rights than the work needs: no listing."""
        if not self._has_stored_probe:
            await self._store.put(self._bucket, PROBE_KEY, b"", content_type="text/plain")
            self._has_stored_probe = True
        await self.metadata(PROBE_KEY)
