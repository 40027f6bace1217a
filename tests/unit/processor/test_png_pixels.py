"""What ISA-L unpacks is what Pillow would have, and what is wrong with a file is left to Pillow."""

import io
import struct
import tracemalloc
import zlib
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from services.processor.codec.png_pixels import MAX_UNPACKED_BYTES, unpacked
from tests.unit.processor import hostile_pictures as hostile
from tests.unit.processor.pictures import corners, encoded, photo, refusal

INTERLACED = slice(28, 29)
DATA = b"IDAT"


def shown(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
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
    before, after = shown(source), shown(unpacked(source))
    assert (after.mode, after.tobytes(), after.info) == (before.mode, before.tobytes(), before.info)
    assert after.getpalette() == before.getpalette()


def test_a_frame_behind_the_picture_stays_where_it_is() -> None:
    source = encoded(photo(), "PNG", save_all=True, append_images=[corners((160, 120))])
    before, after = shown(source), shown(unpacked(source))
    assert after.n_frames == before.n_frames == 2  # type: ignore[attr-defined]  # of the plugin's own class
    assert after.tobytes() == before.tobytes()


def split(source: bytes, between: list[hostile.Chunk] | None = None) -> bytes:
    """The same PNG, with its pixels in two chunks."""
    chunks: list[hostile.Chunk] = []
    for name, body in hostile.png_chunks(source):
        chunks += [(name, body[:9]), *(between or []), (name, body[9:])] if name == DATA else [(name, body)]
    return hostile.png_of(chunks)


def test_pixels_in_several_chunks_are_one_stream() -> None:
    source = encoded(corners(), "PNG")
    assert shown(unpacked(split(source))).tobytes() == corners().tobytes()


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
        "large",
    ],
)
def test_what_is_not_plain_is_left_to_pillow(source: bytes) -> None:
    with pytest.raises(ValueError, match="PNG"):
        unpacked(source)


def test_no_more_is_unpacked_than_the_picture_has() -> None:
    bomb = png(8, 8, zlib.compress(bytes(MAX_UNPACKED_BYTES)))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="too many"):
            unpacked(bomb)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 * len(bomb) < MAX_UNPACKED_BYTES / 200


def test_a_damaged_picture_is_told_as_damaged() -> None:
    assert refusal(damaged(encoded(photo(), "PNG"))) == "corrupt_image"
