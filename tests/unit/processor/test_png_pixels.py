"""What is unpacked without Pillow is what Pillow would have, and what is wrong with a file is left to Pillow."""

import io
import random
import struct
import tracemalloc
import zlib
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from services.processor.codec import png_pixels
from services.processor.codec.png_filters import unfiltered
from services.processor.codec.png_pixels import MAX_UNPACKED_BYTES, unpack
from tests.unit.processor import hostile_pictures as hostile
from tests.unit.processor.pictures import compressed, corners, encoded, photo, refusal

INTERLACED = slice(28, 29)
DATA = b"IDAT"


def shown(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def unpacked(data: bytes) -> Image.Image:
    """As `shown`, but Pillow does not unpack it."""
    image = Image.open(io.BytesIO(data))
    unpack(image, data)
    image.load()
    return image


def words() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "in front")
    info.add(b"prIv", b"behind", after_idat=True)
    return info


@pytest.mark.parametrize("options", [{}, {"compress_level": 0}, {"pnginfo": words(), "icc_profile": b"profile"}])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_pixels_and_all_else_are_those_of_the_file(mode: str, options: dict[str, Any]) -> None:
    # Larger than a block and than a chunk of Pillow's, in all modes but the smallest.
    image = Image.new("I;16", (333, 301), 700) if mode == "I;16" else photo((333, 301)).convert(mode)
    source = encoded(image, "PNG", **options)
    before, after = shown(source), unpacked(source)
    assert (after.mode, after.tobytes(), after.info) == (before.mode, before.tobytes(), before.info)
    assert after.getpalette() == before.getpalette()


def test_a_frame_behind_the_picture_stays_where_it_is() -> None:
    source = encoded(photo(), "PNG", save_all=True, append_images=[corners((160, 120))])
    before, after = shown(source), unpacked(source)
    assert after.n_frames == before.n_frames == 2  # type: ignore[attr-defined]  # of the plugin's own class
    assert after.tobytes() == before.tobytes()


def test_a_first_frame_that_is_not_all_of_the_picture_is_left_to_pillow() -> None:
    chunks = list(hostile.png_chunks(encoded(photo(), "PNG", save_all=True, append_images=[corners((160, 120))])))
    narrower = [
        (name, body[:4] + struct.pack(">I", 80) + body[8:] if name == b"fcTL" else body) for name, body in chunks
    ]
    source = hostile.png_of(narrower)
    with pytest.raises(ValueError, match="PNG"):
        unpack(Image.open(io.BytesIO(source)), source)
    assert refusal(source) == "corrupt_image"


def split(source: bytes, between: list[hostile.Chunk] | None = None) -> bytes:
    """The same PNG, with its pixels in two chunks."""
    chunks: list[hostile.Chunk] = []
    for name, body in hostile.png_chunks(source):
        chunks += [(name, body[:9]), *(between or []), (name, body[9:])] if name == DATA else [(name, body)]
    return hostile.png_of(chunks)


def test_pixels_in_several_chunks_are_one_stream() -> None:
    source = encoded(corners(), "PNG")
    assert unpacked(split(source)).tobytes() == corners().tobytes()


def damaged(source: bytes) -> bytes:
    place = source.rindex(DATA) + 12
    return source[:place] + bytes(each ^ 0xFF for each in source[place : place + 40]) + source[place + 40 :]


def png(width: int, height: int, *pixels: bytes) -> bytes:
    """A PNG in colours whose pixels are these chunks."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return hostile.png_of([(b"IHDR", header), *((DATA, each) for each in pixels), hostile.END])


ROWS = 8 * bytes(1 + 3 * 8)


@pytest.mark.parametrize(
    "source",
    [
        b"",
        encoded(photo(), "PNG")[:-20],
        encoded(photo(), "PNG")[: INTERLACED.start] + b"\1" + encoded(photo(), "PNG")[INTERLACED.stop :],
        damaged(encoded(photo(), "PNG")),
        split(encoded(corners(), "PNG"), between=[(b"tEXt", b"in between")]),
        png(8, 8),
        png(8, 8, zlib.compress(ROWS[:-1])),
        png(8, 8, zlib.compress(ROWS + b"\0")),
        png(8, 8, zlib.compress(ROWS) + b"behind"),
        png(8, 8, zlib.compress(ROWS)[:-4]),
        png(8, 8, b""),
        png(8, 8, zlib.compress(b"\5" + ROWS[1:])),
        hostile.png_of([next(hostile.png_chunks(png(9, 8))), *hostile.png_chunks(png(8, 8, zlib.compress(ROWS)))]),
        png(60_000, 60_000, zlib.compress(bytes(1000))),
    ],
    ids=[
        "nothing",
        "no end",
        "interlaced",
        "damaged",
        "in two places",
        "no pixels",
        "too few",
        "too many",
        "behind the stream",
        "no checksum",
        "no stream",
        "no such filter",
        "two headers",
        "large",
    ],
)
def test_what_is_not_plain_is_left_to_pillow(source: bytes) -> None:
    image = Image.open(io.BytesIO(encoded(corners(), "PNG")))
    tiles = list(image.tile)
    with pytest.raises(ValueError, match="PNG"):
        unpack(image, source)
    assert image.tile == tiles


def test_no_more_is_unpacked_than_the_picture_has() -> None:
    bomb = png(8, 8, zlib.compress(bytes(MAX_UNPACKED_BYTES)))
    image = Image.open(io.BytesIO(bomb))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="too many"):
            unpack(image, bomb)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 * len(bomb) < MAX_UNPACKED_BYTES / 200


KINDS = {
    "grey": (0, [1, 2, 4, 8, 16]),
    "colour": (2, [8, 16]),
    "indexed": (3, [1, 2, 4, 8]),
    "grey with alpha": (4, [8, 16]),
    "colour with alpha": (6, [8, 16]),
}
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


@pytest.mark.parametrize("filters", [[0], [1], [2], [3], [4], [0, 1, 2, 3, 4]], ids=str)
@pytest.mark.parametrize("kind", [(kind, depth) for kind, depths in KINDS.values() for depth in depths], ids=str)
def test_each_filter_of_each_kind_is_taken_off_as_pillow_does(kind: tuple[int, int], filters: list[int]) -> None:
    width, height = 211, 40
    colour_type, depth = kind
    size = (width * depth * CHANNELS[colour_type] + 7) // 8
    chance = random.Random(f"{kind} {filters}")
    rows = [bytes([filters[row % len(filters)]]) + chance.randbytes(size) for row in range(height)]
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    palette = [(b"PLTE", chance.randbytes(3 * 2**depth))] if colour_type == 3 else []
    source = hostile.png_of([(b"IHDR", header), *palette, (DATA, zlib.compress(b"".join(rows))), hostile.END])
    before, after = shown(source), unpacked(source)
    assert (after.mode, after.tobytes(), after.getpalette()) == (before.mode, before.tobytes(), before.getpalette())


@pytest.mark.parametrize(
    ("rows", "row_bytes", "pixel_bytes"),
    [(bytes(12), 4, 2), (bytes(13), 4, 3), (bytes(12), 1, 1), (bytes(12), 0, 1), (bytes(12), 4, 0), (bytes(12), -4, 3)],
)
def test_what_are_no_rows_of_pixels_is_refused(rows: bytes, row_bytes: int, pixel_bytes: int) -> None:
    with pytest.raises(ValueError, match="no whole rows"):
        unfiltered(rows, row_bytes, pixel_bytes)


def test_a_pixel_of_a_size_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="size of a pixel"):
        unfiltered(bytes(12), 6, 5)


def test_without_the_extension_pillow_unpacks(monkeypatch: pytest.MonkeyPatch) -> None:
    source = encoded(photo(), "PNG")
    usual = compressed(source).data
    monkeypatch.setattr(png_pixels, "unfiltered", None)
    with pytest.raises(ValueError, match="not built"):
        unpacked(source)
    assert compressed(source).data == usual


def test_a_damaged_picture_is_told_as_damaged() -> None:
    assert refusal(damaged(encoded(photo(), "PNG"))) == "corrupt_image"
