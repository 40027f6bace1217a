"""The codec as the handler sees it: memory files in, memory files out."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from services.processor.codec.job import Compressed, Job, Made, Order, SourcePicture
from services.processor.codec.memory_file import MemoryFile
from services.processor.domain.picture import CompressedPicture, Rendered
from shared.events import SourceFacts
from shared.recipes import Recipe, Rendition


class Pool(Protocol):
    async def compress(self, job: Job) -> Compressed: ...

    async def probe(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Beginning:
    """What was answered for, however far the file grew since."""

    file: MemoryFile
    length: int

    def read(self) -> bytes:
        return self.file.read(self.length)


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
            yield _picture(done, recipe, outputs)

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


def _picture(done: Compressed, recipe: Recipe, outputs: list[MemoryFile]) -> CompressedPicture:
    renditions = tuple(
        _rendered(rendition.name, made, output)
        for rendition, made, output in zip(recipe.renditions, done.made, outputs, strict=True)
    )
    return CompressedPicture(_facts(done.source), renditions, done.note)


def _rendered(name: str, made: Made, output: MemoryFile) -> Rendered:
    content = _Beginning(output, made.bytes)
    return Rendered(name, made.format, made.width, made.height, made.bytes, made.sha256, content)


def _facts(source: SourcePicture) -> SourceFacts:
    return SourceFacts(
        bytes=source.bytes,
        format=source.format,
        width=source.width,
        height=source.height,
        sha256=source.sha256,
    )
