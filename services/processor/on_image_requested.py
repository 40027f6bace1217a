"""An image was requested: fetch it, make its renditions, store them, say what became of it.

Safe to run twice: keys are deterministic and encoding is too, so a second run writes the same objects and says the
same. One download, one decode and one object for each rendition serve all indexes that the event names.
"""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Protocol

from services.processor.codec.memory_file import MemoryFile
from services.processor.domain.outcome import failed, succeeded
from services.processor.domain.picture import EXTENSIONS, CompressedPicture, PictureFormat, Rendered
from services.processor.metrics import count, stage
from shared.errors import Permanent, Transient
from shared.events import ImageProcessed, ImageRequested, StoredRendition
from shared.kafka.producer import Facts
from shared.kafka.records import Received
from shared.object_keys import image as image_key
from shared.recipes import Recipe
from shared.topics import IMAGES_PROCESSED


class Sources(Protocol):
    """Where pictures come from."""

    def fetched(self, url: str) -> AbstractAsyncContextManager[MemoryFile]:
        """Hold a source in memory for as long as the context lasts; raise `Permanent` or `Transient`."""


class Codec(Protocol):
    """What makes renditions."""

    def compressed(self, source: MemoryFile, recipe: Recipe) -> AbstractAsyncContextManager[CompressedPicture]:
        """Hold a source's renditions for as long as the context lasts; raise `Permanent` or `DependencyAway`."""


class Images(Protocol):
    """Where renditions are kept."""

    async def store(self, key: str, content: bytes, *, format_: PictureFormat) -> None:
        """Return when the object is acknowledged; raise `DependencyAway` when it cannot be."""


class OnImageRequested:
    """The handler. Whatever is wrong with the picture or its source becomes a result; nothing else is caught."""

    def __init__(
        self,
        sources: Sources,
        codec: Codec,
        images: Images,
        facts: Facts,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = sources
        self._codec = codec
        self._images = images
        self._facts = facts
        self._clock = clock

    async def __call__(self, received: Received[ImageRequested]) -> None:
        requested = received.event
        started = self._clock()
        try:
            result = await self._served(requested, started)
        except (Permanent, Transient) as error:
            result = failed(requested, error, duration_ms=self._since(started))
        await self._facts.publish(IMAGES_PROCESSED, result)
        count(result)

    async def _served(self, requested: ImageRequested, started: float) -> ImageProcessed:
        async with AsyncExitStack() as held:
            with stage("fetch"):
                source = await held.enter_async_context(self._sources.fetched(requested.url))
            with stage("codec"):
                picture = await held.enter_async_context(self._codec.compressed(source, requested.recipe))
            with stage("store"):
                stored = [await self._stored(requested, rendered) for rendered in picture.renditions]
        return succeeded(requested, picture.source, stored, note=picture.note, duration_ms=self._since(started))

    async def _stored(self, requested: ImageRequested, rendered: Rendered) -> StoredRendition:
        key = image_key(
            requested.request_id,
            requested.indexes[0],
            rendition=rendered.name,
            extension=EXTENSIONS[rendered.format],
        )
        await self._images.store(key, rendered.content.read(), format_=rendered.format)
        return StoredRendition(
            name=rendered.name,
            key=key,
            format=rendered.format,
            width=rendered.width,
            height=rendered.height,
            bytes=rendered.bytes,
            sha256=rendered.sha256,
        )

    def _since(self, started: float) -> int:
        return max(0, round(1000 * (self._clock() - started)))
