"""A processor whose codec copies: each rendition is the source as it came. Everything else is the real processor.

It shows what the pipeline around the codec can do: `python -m bench.copying_processor`, with the settings of
`services.processor` and `BENCH_CODEC_SLEEP_MS`, the time that each picture takes besides.
"""

import asyncio
import hashlib
import io
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from PIL import Image, UnidentifiedImageError
from pydantic import Field

from services.processor.codec.memory_file import MemoryFile
from services.processor.domain.picture import EXTENSIONS, CompressedPicture, PictureFormat, Rendered
from services.processor.settings import ProcessorSettings
from services.processor.wiring import NAME, OpenedCodec, run_with
from shared.errors import Permanent
from shared.events import SourceFacts
from shared.recipes import Recipe
from shared.service_command import run_service

DESCRIPTION = "A processor that stores sources as they are, to measure everything but the codec."


class CopyingSettings(ProcessorSettings):
    bench_codec_sleep_ms: int = Field(default=0, ge=0, le=600_000, description="Milliseconds that each picture takes")


class CopyingCodec:
    """Reads the header for format and size, and hands out a copy of the source, whatever the recipe asks for."""

    def __init__(self, *, sleep_seconds: float = 0.0) -> None:
        self._sleep_seconds = sleep_seconds

    @asynccontextmanager
    async def compressed(self, source: MemoryFile, recipe: Recipe) -> AsyncIterator[CompressedPicture]:
        if self._sleep_seconds:
            await asyncio.sleep(self._sleep_seconds)
        data = source.read()
        facts = _facts(data)
        with MemoryFile("copy") as copy:
            copy.write(data)
            renditions = [_rendered(rendition.name, copy, facts) for rendition in recipe.renditions]
            yield CompressedPicture(facts, renditions, None)

    async def probe(self) -> None:
        """It always can."""


def _facts(data: bytes) -> SourceFacts:
    try:
        with Image.open(io.BytesIO(data)) as header:
            width, height = header.size
            picture_format = (header.format or "").lower()
    except UnidentifiedImageError as error:
        raise Permanent("unsupported_format", "The file is not a picture.") from error
    if picture_format not in EXTENSIONS:
        raise Permanent("unsupported_format", "Only JPEG, PNG and WebP pictures can be copied.")
    sha256 = hashlib.sha256(data).hexdigest()
    return SourceFacts(bytes=len(data), format=picture_format, width=width, height=height, sha256=sha256)


def _rendered(name: str, copy: MemoryFile, facts: SourceFacts) -> Rendered:
    picture_format = cast(PictureFormat, facts.format)
    return Rendered(name, picture_format, facts.width, facts.height, facts.bytes, facts.sha256, copy)


@asynccontextmanager
async def _copying_codec(settings: CopyingSettings) -> AsyncIterator[OpenedCodec]:
    yield CopyingCodec(sleep_seconds=settings.bench_codec_sleep_ms / 1000)


async def run(settings: CopyingSettings, _roles: frozenset[str], stop: asyncio.Event) -> None:
    """Consume image requests and copy the pictures until stopped."""
    await run_with(_copying_codec, settings, stop)


if __name__ == "__main__":
    sys.exit(run_service(NAME, CopyingSettings, run, description=DESCRIPTION))
