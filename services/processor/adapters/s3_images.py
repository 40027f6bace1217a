"""Renditions in the bucket of images."""

from typing import Protocol

from services.processor.domain.picture import CONTENT_TYPES, PictureFormat


class Objects(Protocol):
    async def put(self, bucket: str, key: str, data: bytes | memoryview, *, content_type: str) -> None: ...

    async def probe(self, bucket: str) -> None: ...


class S3Images:
    """Stores pictures with the content type of what they are; an object of the same key is replaced."""

    def __init__(self, store: Objects, bucket: str) -> None:
        self._store = store
        self._bucket = bucket

    async def store(self, key: str, content: bytes, *, format_: PictureFormat) -> None:
        await self._store.put(self._bucket, key, content, content_type=CONTENT_TYPES[format_])

    async def probe(self) -> None:
        """Raise `DependencyAway` unless the bucket is there."""
        await self._store.probe(self._bucket)
