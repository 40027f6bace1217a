"""PNG files: palettes, greys, packing."""

import random
import zlib

import pytest
from PIL import Image, ImageChops

from services.processor.codec.palette import as_palette
from tests.pictures.metrics import largest_alpha_difference, mean_delta_e
from tests.unit.processor.pictures import compressed, corners, encoded, noise, photo, same_pixels


def test_from_quality_90_on_a_palette_brings_little_noise() -> None:
    picture = photo((320, 240))
    assert mean_delta_e(picture, compressed(encoded(picture, "PNG"), quality=90).image) < 2


@pytest.mark.checklist("P17")
def test_a_palette_with_alpha_keeps_alpha_within_two_levels() -> None:
    clear = corners((256, 256)).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L"))
    assert largest_alpha_difference(clear, compressed(encoded(clear, "PNG")).image) <= 2


def test_flat_colours_become_a_palette() -> None:
    assert compressed(encoded(corners((640, 320)), "PNG", compress_level=0)).image.mode == "P"


def test_hardly_any_transparency_is_none() -> None:
    veiled = corners((64, 64)).convert("RGBA")
    veiled.putalpha(254)
    result = compressed(encoded(veiled, "PNG", compress_level=0)).image
    assert result.getbands() == ("P",)
    assert "transparency" not in result.info


def shifts(before: Image.Image, after: Image.Image) -> list[int]:
    """How far the mean of each block of eight by eight is off, in its worst band."""
    one, other = before.reduce(8), after.convert(before.mode).reduce(8)
    difference = ImageChops.difference(one, other).tobytes()
    bands = len(before.getbands())
    return [max(difference[at : at + bands]) for at in range(0, len(difference), bands)]


@pytest.mark.parametrize(("quality", "most"), [(50, 2), (70, 2), (90, 1)])
def test_no_calm_part_of_a_picture_shows_bands(quality: int, most: int) -> None:
    ramp = Image.linear_gradient("L").resize((512, 512), Image.Resampling.BICUBIC)
    gradient = Image.merge("RGB", [ramp, ramp.rotate(90), ImageChops.invert(ramp)])
    # The gradient itself is all the activity that a block of it has.
    off = sorted(shifts(gradient, compressed(encoded(gradient, "PNG"), quality=quality).image))
    assert off[len(off) * 99 // 100] <= most + 1


@pytest.mark.parametrize(("quality", "step"), [(50, 5), (90, 3)])
def test_greys_are_fewer_and_none_is_far_off(quality: int, step: int) -> None:
    picture = photo((320, 240)).convert("L")
    result = compressed(encoded(picture, "PNG"), quality=quality).image
    levels = result.getcolors() or []
    assert len(levels) <= 256 // step + 1
    _, most = ImageChops.difference(picture, result).getextrema()
    assert most <= step // 2  # type: ignore[operator]  # one band gives two numbers


def test_what_has_no_bands_has_no_dither() -> None:
    flat = corners((640, 320))
    assert same_pixels(encoded(flat, "PNG"), compressed(encoded(flat, "PNG", compress_level=0)).data)


def drawing() -> Image.Image:
    """Black strokes on white."""
    page = Image.new("L", (320, 240), 255)
    for left in range(10, 300, 17):
        page.paste(0, (left, 20, left + 3 + left % 5, 220))
    return page


@pytest.mark.parametrize("mode", ["L", "RGB", "1"])
def test_a_drawing_of_two_colours_stays_as_it_is_in_one_bit_a_pixel(mode: str) -> None:
    source = encoded(drawing().convert(mode), "PNG", compress_level=0)
    result = compressed(source)
    assert same_pixels(source, result.data)
    assert result.data[24] == 1
    assert len(result.data) < 700


def test_a_picture_of_16_bits_gets_eight() -> None:
    deep = bytes(random.Random(5).randbytes(2 * 96 * 96))
    source = encoded(Image.frombytes("I;16", (96, 96), deep), "PNG")
    result = compressed(source)
    assert result.answer.note is None
    assert len(result.data) < 0.6 * len(source)


@pytest.mark.parametrize("palette", [b"", b"\x09\x09\x09\x01\x02\x03"])
def test_an_index_without_a_colour_is_as_it_is_seen(palette: bytes) -> None:
    odd = Image.new("P", (64, 64), 200)
    odd.putpalette([level for level in range(256) for _ in range(3)])
    source = with_palette(encoded(odd, "PNG"), palette)
    assert same_pixels(source, compressed(source).data)


def with_palette(png: bytes, palette: bytes) -> bytes:
    """The same file with another palette, or without one."""
    at = png.index(b"PLTE") - 4
    rest = png[at + 12 + int.from_bytes(png[at : at + 4], "big") :]
    body = b"PLTE" + palette
    chunk = len(palette).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big") if palette else b""
    return png[:at] + chunk + rest


def test_a_colour_that_no_pixel_has_does_not_survive() -> None:
    hidden = Image.new("P", (64, 64), 1)
    hidden.putpalette([*b"SECRET", 0, 0, 0, *b"SECRET"])
    hidden.paste(2, (0, 0, 9, 9))
    for compress_level in (0, 9):
        assert b"SECRET" not in compressed(encoded(hidden, "PNG", compress_level=compress_level)).data


def test_without_the_packer_the_same_pixels_are_written() -> None:
    for picture in (noise(), corners((64, 64)), photo().convert("L")):
        source = encoded(picture, "PNG", compress_level=0)
        packed, plain = compressed(source), compressed(source, may_repack=False)
        assert same_pixels(packed.data, plain.data)


def test_a_palette_that_looks_different_is_not_used() -> None:
    assert as_palette(noise(), quality=50) is None
    assert same_pixels(encoded(noise(), "PNG"), compressed(encoded(noise(), "PNG")).data)
