"""What libwebp's plain decoder makes of a file is what Pillow's does, and what is not plain is left to Pillow."""

import io
import struct
from typing import Any

import pytest
from PIL import Image

from services.processor.codec import webp_pixels
from services.processor.codec.webp_pixels import plain_webp
from tests.unit.processor.pictures import MAX_PIXELS, compressed, corners, encoded, photo, refusal

EXIF = Image.Exif()
EXIF[0x0112] = 6


def transparent() -> Image.Image:
    image = photo().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def shown(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"lossless": True, "exact": True}], ids=str)
@pytest.mark.parametrize("image", [photo(), corners((1, 1)), transparent()], ids=["photo", "one pixel", "transparent"])
def test_a_plain_picture_has_the_pixels_that_pillow_sees(image: Image.Image, options: dict[str, Any]) -> None:
    source = encoded(image, "WEBP", **options)
    before, after = shown(source), plain_webp(source, max_pixels=MAX_PIXELS)
    assert after is not None
    assert (after.format, after.mode, after.size) == (before.format, before.mode, before.size)
    assert after.tobytes() == before.tobytes()


def with_flag(source: bytes, flag: int) -> bytes:
    return source[:20] + bytes([source[20] | flag]) + source[21:]


def riff(chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


PLAIN = encoded(photo(), "WEBP")
ALPHA = encoded(transparent(), "WEBP")


@pytest.mark.parametrize(
    "source",
    [
        b"",
        PLAIN[:12],
        PLAIN[:20],
        PLAIN[:25],
        PLAIN[: len(PLAIN) // 2],
        ALPHA[:30],
        ALPHA[:34],
        encoded(photo(), "WEBP", lossless=True)[:24],
        PLAIN[:23] + b"no!" + PLAIN[26:],
        encoded(photo(), "WEBP", exif=EXIF),
        encoded(photo(), "WEBP", icc_profile=b"profile"),
        encoded(photo(), "WEBP", xmp=b"<xmp/>"),
        encoded(transparent(), "WEBP", exif=EXIF),
        encoded(photo(), "WEBP", save_all=True, append_images=[corners((160, 120))]),
        with_flag(ALPHA, 0x02),
        PLAIN + bytes(8),
        PLAIN[:16] + bytes([PLAIN[16] ^ 8]) + PLAIN[17:],
        PLAIN[:4] + bytes([PLAIN[4] ^ 8]) + PLAIN[5:],
        riff(b"".join([PLAIN[12:], *(b"junk" + bytes(4) for _ in range(3))])),
        encoded(photo(), "PNG"),
    ],
    ids=[
        "nothing",
        "no chunk",
        "no body",
        "no sizes",
        "half",
        "no second chunk",
        "no alpha",
        "no lossless head",
        "no start code",
        "exif",
        "profile",
        "xmp",
        "alpha and exif",
        "animated",
        "said to be animated",
        "behind the end",
        "a chunk of a wrong length",
        "a file of a wrong length",
        "more chunks",
        "png",
    ],
)
def test_what_is_not_plain_is_left_to_pillow(source: bytes) -> None:
    assert plain_webp(source, max_pixels=MAX_PIXELS) is None


def test_what_has_too_many_pixels_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    assert plain_webp(PLAIN, max_pixels=160 * 120) is not None
    assert plain_webp(PLAIN, max_pixels=160 * 120 - 1) is None
    assert refusal(PLAIN, max_pixels=160 * 120 - 1) == "too_many_pixels"


def test_a_damaged_picture_is_told_as_damaged() -> None:
    assert refusal(PLAIN[: len(PLAIN) // 2]) == "corrupt_image"


def test_without_a_library_of_its_own_pillow_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = compressed(PLAIN, "jpeg").data
    monkeypatch.setattr(webp_pixels, "_LIBRARY", None)
    assert plain_webp(PLAIN, max_pixels=MAX_PIXELS) is None
    assert compressed(PLAIN, "jpeg").data == usual


def test_pillow_s_wheel_brings_the_library() -> None:
    assert webp_pixels._LIBRARY is not None
