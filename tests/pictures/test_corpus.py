"""Real pictures through the real codec processes, formats kept: none fails, none is harmed, hardly any is not smaller.

`PIXELMILL_CORPUS` names a folder of pictures. Without it the example pictures stand in, and every test's name says so.
"""

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from services.processor.adapters.codec_processes import CodecProcesses
from services.processor.codec.memory_file import MemoryFile
from services.processor.codec.pool import CodecPool, PoolLimits
from services.processor.domain.picture import CompressedPicture
from services.processor.settings import ProcessorSettings
from shared.events import Note
from tests.pictures.acceptance import (
    DEFAULT_QUALITY,
    FINE_QUALITY,
    MAX_NOT_SMALLER,
    assert_alpha_kept,
    assert_good_look,
    assert_size_is_honest,
    assert_true_colours,
    assert_upright,
)
from tests.pictures.sources import CORPUS, corpus
from tests.recipes import default_recipe

# One event loop for all tests of the module: they share a pool of processes.
pytestmark = pytest.mark.asyncio(loop_scope="module")

PICTURES = corpus()


@dataclass(frozen=True)
class Result:
    """One rendition of one picture."""

    data: bytes
    format: str
    source_format: str
    note: Note | None


@dataclass
class Compressor:
    """Compresses files, each at each quality once, and remembers what was said of them."""

    codec: CodecProcesses
    notes: dict[tuple[Path, int], Note | None] = field(default_factory=dict)

    async def compress(self, picture: Path, quality: int) -> Result:
        with MemoryFile("source") as source:
            source.write(_bytes_of(picture))
            async with self.codec.compressed(source, default_recipe(quality=quality)) as compressed:
                result = _result(compressed)
        self.notes[picture, quality] = result.note
        return result

    async def note(self, picture: Path, quality: int) -> Note | None:
        if (picture, quality) not in self.notes:
            await self.compress(picture, quality)
        return self.notes[picture, quality]


def _bytes_of(picture: Path) -> bytes:
    return picture.read_bytes()


def _result(compressed: CompressedPicture) -> Result:
    (rendered,) = compressed.renditions
    return Result(rendered.content.read(), rendered.format, compressed.source.format, compressed.note)


@dataclass(frozen=True)
class Shown:
    """A source and what became of it, at the default quality and at the one for those who look closely."""

    source: bytes
    usual: Result
    fine: Result


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def compressor() -> AsyncIterator[Compressor]:
    limits = ProcessorSettings()
    pool = CodecPool(PoolLimits(2, limits.codec_timeout_seconds, limits.codec_memory_bytes))
    yield Compressor(CodecProcesses(pool, max_pixels=limits.max_pixels))
    await pool.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=PICTURES.pictures, ids=PICTURES.id_of)
async def shown(request: pytest.FixtureRequest, compressor: Compressor) -> Shown:
    picture: Path = request.param
    usual = await compressor.compress(picture, DEFAULT_QUALITY)
    return Shown(_bytes_of(picture), usual, await compressor.compress(picture, FINE_QUALITY))


async def test_a_picture_keeps_its_format(shown: Shown) -> None:
    kept = {"gif": "png"}.get(shown.usual.source_format, shown.usual.source_format)
    assert shown.usual.format == kept


async def test_a_picture_is_no_larger_than_its_source_unless_it_says_so(shown: Shown) -> None:
    for result in (shown.usual, shown.fine):
        assert_size_is_honest(shown.source, result.data, result.note)


async def test_a_picture_is_upright(shown: Shown) -> None:
    assert_upright(shown.source, shown.usual.data)


async def test_a_picture_of_quality_50_looks_good(shown: Shown) -> None:
    assert_good_look(shown.source, shown.usual.data)


async def test_a_picture_of_quality_90_has_true_colours(shown: Shown) -> None:
    assert_true_colours(shown.source, shown.fine.data)


async def test_a_picture_keeps_its_alpha(shown: Shown) -> None:
    for result in (shown.usual, shown.fine):
        assert_alpha_kept(shown.source, result.data)


@pytest.mark.parametrize("quality", [DEFAULT_QUALITY, FINE_QUALITY])
async def test_hardly_any_picture_is_not_smaller(compressor: Compressor, quality: int) -> None:
    notes = [await compressor.note(picture, quality) for picture in PICTURES.pictures]
    assert notes.count("not_smaller") <= MAX_NOT_SMALLER


async def test_all_kinds_of_pictures_are_among_them() -> None:
    if not PICTURES.is_named:
        pytest.skip(f"{CORPUS} is not set: the example pictures stand in, and none of them is CMYK")
    modes = set()
    for picture in PICTURES.pictures:
        with Image.open(io.BytesIO(picture.read_bytes())) as opened:
            modes.add(opened.mode)
    assert modes >= {"CMYK", "L", "RGB", "RGBA"}
