"""An image was requested: fetch it, make its renditions, store them, say what became of it.

A picture's own fault fails it at once; its source's trouble sends it on to another try.
What an earlier request already made is carried over: copied instead of fetched, as long as it is there.
Safe to run twice: keys are deterministic and encoding is too, so a second run writes the same objects and says the
same. One download, one decode and one object for each rendition serve all indexes that the event names.

While others are being made, made pictures wait for each other to be stored: some at once cost S3 two thirds of what
they cost one by one.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from functools import partial
from typing import Protocol

from services.processor.carry_over import KeptImages, carry_over, key_of
from services.processor.codec.memory_file import MemoryFile
from services.processor.domain.object_facts import as_metadata
from services.processor.domain.outcome import carried_over, failed, succeeded
from services.processor.domain.picture import EXTENSIONS, CompressedPicture, PictureFormat, Rendered
from services.processor.metrics import count, stage
from services.processor.suspension import Wakefulness
from shared.errors import Permanent, Transient
from shared.events import ImageProcessed, ImageRequested, SourceFacts, StoredRendition
from shared.kafka.gathering import Gathering
from shared.kafka.producer import Facts
from shared.kafka.records import Received, Rest
from shared.kafka.retry_tiers import tries_of
from shared.recipes import Recipe
from shared.topics import IMAGES_PROCESSED


class Sources(Protocol):
    """Where pictures come from."""

    def fetched(self, url: str) -> AbstractAsyncContextManager[MemoryFile]:
        """Hold a source in memory for as long as the context lasts; raise `Permanent` or `Transient`."""


class Codec(Protocol):
    """What makes renditions."""

    def compressed(self, source: MemoryFile, recipe: Recipe) -> AbstractAsyncContextManager[CompressedPicture]:
        """Hold a source's renditions for as long as the context lasts; raise `Permanent` or `DependencyAway`.

        The source itself may be given back before.
        """


class Images(KeptImages, Protocol):
    """Where renditions are kept."""

    async def store(self, key: str, content: bytes, *, format_: PictureFormat, metadata: Mapping[str, str]) -> None:
        """Return when the object is acknowledged; raise `DependencyAway` when it cannot be."""


class LaterTries(Protocol):
    """What becomes of images whose source has trouble."""

    def after(self, received: Received[ImageRequested], error: Transient, *, duration_ms: int) -> Rest:
        """Decide it now, and return what has to be done for that."""


class OnImageRequested:
    """The handler. Whatever is wrong with the picture or its source is dealt with here; nothing else is caught.

    It returns when the objects are stored and the memory is given back; what is left is to tell what became of it.
    """

    def __init__(
        self,
        sources: Sources,
        codec: Codec,
        images: Images,
        facts: Facts,
        *,
        later_tries: LaterTries,
        wakefulness: Wakefulness,
        storing: Gathering,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = sources
        self._codec = codec
        self._images = images
        self._facts = facts
        self._later_tries = later_tries
        self._wakefulness = wakefulness
        self._storing = storing
        self._clock = clock

    async def __call__(self, received: Received[ImageRequested]) -> Rest:
        requested, attempt = received.event, tries_of(received.headers).made + 1
        started = self._clock()
        try:
            copied = await self._carried_over(requested, started)
            result = copied or await self._served(requested, started, attempt=attempt)
        except Permanent as error:
            result = failed(requested, error, attempts=attempt, duration_ms=self._since(started))
        except Transient as error:
            return self._later_tries.after(received, error, duration_ms=self._since(started))
        return partial(self._told, result)

    async def _told(self, result: ImageProcessed) -> None:
        await self._facts.publish(IMAGES_PROCESSED, result)
        count(result)

    async def _carried_over(self, requested: ImageRequested, started: float) -> ImageProcessed | None:
        if requested.carry_over is None:
            return None
        with stage("copy"):
            copies = await carry_over(requested, self._images)
        if copies is None:
            return None
        renditions = [copy.rendition for copy in copies]
        return carried_over(requested, copies[0].source, renditions, duration_ms=self._since(started))

    async def _served(self, requested: ImageRequested, started: float, *, attempt: int) -> ImageProcessed:
        async with AsyncExitStack() as held:
            picture = await self._made(requested, held)
            await self._storing.moment()
            with stage("store"):
                stored = [await self._stored(requested, rendered, picture.source) for rendered in picture.renditions]
        return succeeded(
            requested,
            picture.source,
            stored,
            note=picture.note,
            attempts=attempt,
            duration_ms=self._since(started),
        )

    async def _made(self, requested: ImageRequested, held: AsyncExitStack) -> CompressedPicture:
        # The source is given back before the wait for the others: it is the large one.
        async with AsyncExitStack() as fetching:
            with stage("fetch"):
                source = await fetching.enter_async_context(self._sources.fetched(requested.url))
            with stage("codec"), self._wakefulness.uninterrupted(), self._in_making():
                return await held.enter_async_context(self._codec.compressed(source, requested.recipe))

    @contextmanager
    def _in_making(self) -> Iterator[None]:
        """Made pictures wait for this one. They never wait for a download, or for one that is being stored."""
        work = asyncio.current_task()
        self._storing.begin(work)
        try:
            yield
        finally:
            self._storing.end(work)

    async def _stored(self, requested: ImageRequested, rendered: Rendered, source: SourceFacts) -> StoredRendition:
        key = key_of(requested, name=rendered.name, extension=EXTENSIONS[rendered.format])
        content, metadata = rendered.content.read(), as_metadata(rendered, source)
        await self._images.store(key, content, format_=rendered.format, metadata=metadata)
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
