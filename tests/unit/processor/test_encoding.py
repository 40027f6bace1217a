"""What leaves the codec: smaller, clean of metadata, in the format and size that was ordered."""

import hashlib
import io
import random
import zlib

import pytest
from PIL import Image, ImageChops, ImageFilter, PngImagePlugin

from services.processor.codec.fidelity import floor_db
from services.processor.codec.job import Compressed
from services.processor.codec.palette import as_palette
from tests.pictures.metrics import largest_alpha_difference, mean_delta_e, psnr
from tests.unit.processor.pictures import compressed, corners, encoded, photo, refusal, run


@pytest.mark.checklist("P11", "P19")
@pytest.mark.parametrize(("file_format", "kept"), [("JPEG", "jpeg"), ("PNG", "png"), ("WEBP", "webp")])
def test_keep_stays_with_the_format_of_the_source(file_format: str, kept: str) -> None:
    result = compressed(encoded(photo(), file_format, quality=95))
    assert result.answer.made[0].format == kept
    assert result.image.format == file_format


@pytest.mark.checklist("P19")
@pytest.mark.parametrize("wanted", ["jpeg", "png", "webp"])
def test_another_format_can_be_ordered(wanted: str) -> None:
    result = compressed(encoded(photo(), "JPEG", quality=95), wanted)  # type: ignore[arg-type]  # parametrized
    assert result.answer.made[0].format == wanted
    assert result.image.format == wanted.upper()


@pytest.mark.checklist("P19")
def test_the_facts_describe_what_was_stored() -> None:
    source = encoded(photo(), "JPEG", quality=95)
    result = compressed(source)
    made = result.answer.made[0]
    assert (made.bytes, made.sha256) == (len(result.data), hashlib.sha256(result.data).hexdigest())
    assert (made.width, made.height) == result.image.size
    facts = result.answer.source
    assert (facts.bytes, facts.sha256) == (len(source), hashlib.sha256(source).hexdigest())


def test_the_same_source_gives_the_same_bytes_twice() -> None:
    for file_format in ("JPEG", "PNG", "WEBP", "GIF"):
        source = encoded(photo(), file_format)
        assert compressed(source).data == compressed(source).data


def test_a_lower_quality_gives_fewer_bytes() -> None:
    source = encoded(photo(), "JPEG", quality=95)
    assert len(compressed(source, quality=20).data) < len(compressed(source, quality=50).data)
    assert compressed(source).answer.note is None


@pytest.mark.checklist("P16")
def test_nothing_private_leaves_with_the_picture() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    exif.get_ifd(0x8825)[1] = "N"
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "secret place")
    sources = [
        encoded(photo(), "JPEG", quality=95, exif=exif, comment=b"secret place", xmp=b"<x>secret place</x>"),
        encoded(photo(), "PNG", pnginfo=texts, exif=exif),
        encoded(photo(), "WEBP", quality=95, exif=exif, xmp=b"<x>secret place</x>"),
        encoded(photo().quantize(16), "GIF", comment=b"secret place"),
    ]
    for source in sources:
        result = compressed(source + b"secret place")
        assert b"secret" not in result.data
        assert not {"exif", "xmp", "comment", "Comment", "icc_profile"} & result.image.info.keys()
        assert not result.image.getexif()


@pytest.mark.checklist("P16", "P19")
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_a_source_that_cannot_be_made_smaller_is_repacked_without_its_metadata(file_format: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret"
    source = encoded(photo(), file_format, quality=12, method=6, exif=exif, compress_level=9)
    result = compressed(source, quality=90)
    assert result.answer.note == "kept_original"
    assert len(result.data) < len(source)
    assert b"secret" not in result.data
    assert same_pixels(source, result.data)


@pytest.mark.checklist("P19")
def test_what_no_packing_makes_smaller_is_said_to_be_not_smaller() -> None:
    source = compressed(encoded(photo(), "JPEG", quality=10), quality=10).data
    smallest = compressed(source, quality=95)
    again = compressed(smallest.data, quality=95)
    assert again.answer.note == "not_smaller"
    assert again.data == smallest.data


def test_a_turned_picture_is_never_kept_as_it_lies_in_its_file() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    result = compressed(encoded(photo(), "JPEG", quality=40, exif=exif), quality=95)
    assert result.answer.note == "not_smaller"
    assert result.image.size == (120, 160)


def noise(size: tuple[int, int] = (192, 192)) -> Image.Image:
    """Hard noise in colours, which half the resolution of colour harms most."""
    return Image.frombytes("RGB", size, random.Random(3).randbytes(size[0] * size[1] * 3))


def as_jpeg(image: Image.Image) -> bytes:
    return encoded(image, "JPEG", quality=98, subsampling=0)


@pytest.mark.parametrize("quality", [30, 50, 70])
def test_a_picture_that_its_quality_would_ruin_is_not_ruined(quality: int) -> None:
    source = Image.open(io.BytesIO(as_jpeg(noise())))
    assert psnr(source, Image.open(io.BytesIO(encoded(source, "JPEG", quality=quality)))) < floor_db(quality)
    assert psnr(source, compressed(as_jpeg(noise()), quality=quality).image) >= floor_db(quality)


def test_what_saves_a_picture_costs_fewer_bytes_than_a_higher_quality() -> None:
    source = Image.open(io.BytesIO(as_jpeg(noise())))
    better = next(
        data
        for quality in range(50, 96)
        if psnr(source, Image.open(io.BytesIO(data := encoded(source, "JPEG", quality=quality, subsampling=0)))) >= 30
    )
    assert len(compressed(as_jpeg(noise()), quality=50).data) < 0.9 * len(better)


def test_who_names_a_format_gets_the_quality_of_its_encoder() -> None:
    expected = encoded(noise(), "JPEG", quality=50, optimize=True)
    assert compressed(encoded(noise(), "PNG"), "jpeg", quality=50).data == expected


def test_a_quality_below_50_is_worth_less() -> None:
    sizes = [len(compressed(as_jpeg(noise()), quality=quality).data) for quality in (5, 20, 35, 50)]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("quality", [90, 95])
def test_from_quality_90_on_colours_are_true(quality: int) -> None:
    stripes = Image.new("RGB", (240, 240), (200, 60, 60))
    for left in range(0, 240, 6):
        stripes.paste((60, 60, 200), (left, 0, left + 3, 240))
    assert mean_delta_e(stripes, compressed(encoded(stripes, "PNG"), "jpeg", quality=quality).image) < 2
    plain = Image.open(io.BytesIO(encoded(stripes, "JPEG", quality=quality)))
    assert mean_delta_e(stripes, plain) > 2


def test_from_quality_90_on_a_palette_brings_little_noise() -> None:
    picture = photo((320, 240))
    assert mean_delta_e(picture, compressed(encoded(picture, "PNG"), quality=90).image) < 2


def test_an_ordinary_picture_gets_the_quality_that_was_asked_for_and_nothing_else() -> None:
    picture = photo((320, 240)).filter(ImageFilter.GaussianBlur(2))
    expected = encoded(picture, "JPEG", quality=50, optimize=True)
    assert compressed(encoded(picture, "PNG"), "jpeg", quality=50).data == expected


def test_no_larger_than_the_source_comes_before_a_better_quality() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    source = encoded(noise(), "JPEG", quality=60, exif=exif)
    result = compressed(source, quality=50)
    assert len(result.data) < len(source)
    assert result.answer.note is None


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


@pytest.mark.parametrize("quality", [90, 95])
@pytest.mark.parametrize("wanted", ["keep", "jpeg"])
def test_noise_finds_room_for_its_many_bytes(wanted: str, quality: int) -> None:
    result = compressed(as_jpeg(noise((129, 257))), wanted, quality=quality)  # type: ignore[arg-type]  # parametrized
    assert result.image.size == (129, 257)


def test_without_the_packer_the_same_pixels_are_written() -> None:
    for picture in (noise(), corners((64, 64)), photo().convert("L")):
        source = encoded(picture, "PNG", compress_level=0)
        packed, plain = compressed(source), compressed(source, may_repack=False)
        assert same_pixels(packed.data, plain.data)


def test_a_palette_that_looks_different_is_not_used() -> None:
    assert as_palette(noise(), quality=50) is None
    assert same_pixels(encoded(noise(), "PNG"), compressed(encoded(noise(), "PNG")).data)


def test_grey_stays_grey() -> None:
    for file_format in ("JPEG", "PNG"):
        assert compressed(encoded(photo().convert("L"), file_format, quality=95)).image.mode == "L"


@pytest.mark.checklist("P19")
@pytest.mark.parametrize(
    ("order", "size"),
    [
        ({"width": 80}, (80, 60)),
        ({"height": 30}, (40, 30)),
        ({"width": 80, "height": 30}, (40, 30)),
        ({"width": 1000}, (160, 120)),
        ({"width": 60, "height": 60, "fit": "cover"}, (60, 60)),
        ({"width": 400, "height": 400, "fit": "cover"}, (120, 120)),
        ({"width": 160, "height": 60, "fit": "cover"}, (160, 60)),
    ],
)
def test_a_rendition_is_scaled_down_and_never_up(order: dict[str, object], size: tuple[int, int]) -> None:
    assert compressed(encoded(photo(), "JPEG", quality=95), **order).image.size == size  # type: ignore[arg-type]  # options


def test_one_decode_serves_all_renditions() -> None:
    orders = [{"format": "keep", "quality": 50}, {"format": "webp", "quality": 60, "width": 40}]
    answer, (kept, small) = run(encoded(photo(), "PNG"), orders)
    assert isinstance(answer, Compressed)
    assert [made.format for made in answer.made] == ["png", "webp"]
    assert [Image.open(io.BytesIO(data)).size for data in (kept, small)] == [(160, 120), (40, 30)]


def test_a_side_that_webp_cannot_hold_is_refused() -> None:
    assert refusal(encoded(Image.new("L", (17_000, 4)), "PNG"), "webp") == "too_many_pixels"


def same_pixels(first: bytes, second: bytes) -> bool:
    one, two = (Image.open(io.BytesIO(data)).convert("RGBA") for data in (first, second))
    return one.tobytes() == two.tobytes()
