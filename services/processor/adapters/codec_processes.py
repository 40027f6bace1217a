"""The codec as the handler sees it: memory files in, memory files out."""

import re
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Final, Protocol

from services.processor.codec.job import Compressed, Job, Made, Order, SourcePicture
from services.processor.codec.memory_file import MemoryFile
from services.processor.domain.picture import CompressedPicture, Rendered
from shared.errors import Permanent
from shared.events import SourceFacts
from shared.recipes import Recipe, Rendition

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Pool(Protocol):
    async def compress(self, job: Job) -> Compressed: ...

    async def probe(self) -> None: ...


class CodecProcesses:
    """Turns recipes into jobs of the pool; errors are those of the pool."""

    def __init__(self, pool: Pool, *, max_pixels: int) -> None:
        self._pool = pool
        self._max_pixels = max_pixels

    @asynccontextmanager
    async def compressed(self, source: MemoryFile, recipe: Recipe) -> AsyncIterator[CompressedPicture]:
        with ExitStack() as held:
            outputs = [held.enter_context(MemoryFile(rendition.name)) for rendition in recipe.renditions]
            orders = tuple(map(_order, recipe.renditions, outputs))
            done = await self._pool.compress(Job(source.descriptor, self._max_pixels, orders))
            yield _believable(done, recipe, outputs)

    async def probe(self) -> None:
        """Raise `DependencyAway` unless a process answers."""
        await self._pool.probe()


def _order(rendition: Rendition, output: MemoryFile) -> Order:
    return Order(
        format=rendition.format,
        quality=rendition.quality,
        output=output.descriptor,
        width=rendition.width,
        height=rendition.height,
        fit=rendition.fit,
    )


def _believable(done: Compressed, recipe: Recipe, outputs: list[MemoryFile]) -> CompressedPicture:
    """Raises `Permanent` for an answer that no codec of ours gives: the picture took its process over."""
    try:
        return _picture(done, recipe, outputs)
    except ValueError as error:
        raise Permanent("codec_crash", "The picture made its codec process say nonsense.") from error


def _picture(done: Compressed, recipe: Recipe, outputs: list[MemoryFile]) -> CompressedPicture:
    renditions = tuple(
        _rendered(rendition.name, made, output)
        for rendition, made, output in zip(recipe.renditions, done.made, outputs, strict=True)
    )
    return CompressedPicture(_facts(done.source), renditions, done.note)


def _rendered(name: str, made: Made, output: MemoryFile) -> Rendered:
    if not made.bytes or made.bytes != output.length or min(made.width, made.height) < 1:
        raise ValueError("a rendition is not what it is said to be")
    return Rendered(name, made.format, made.width, made.height, made.bytes, _hash(made.sha256), output)


def _facts(source: SourcePicture) -> SourceFacts:
    return SourceFacts(
        bytes=source.bytes,
        format=source.format,
        width=source.width,
        height=source.height,
        sha256=_hash(source.sha256),
    )


def _hash(said: str) -> str:
    if not _SHA256.fullmatch(said):
        raise ValueError("a hash is no hash")
    return said
