"""What becomes of the pixels of a source: upright, in the right colours, from the formats that are taken."""

import io
import struct
import zlib

import pytest
from PIL import Image, ImageCms

from services.processor.codec.decode import decode
from tests.unit.processor.pictures import compressed, corners, encoded, near, photo, refusal

ORIENTATION = 0x0112
RED, GREEN, BLUE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)
# Top left, top right, bottom left, bottom right as seen when the orientation is applied to `corners`.
SEEN = {
    1: (RED, GREEN, BLUE, BLACK),
    2: (GREEN, RED, BLACK, BLUE),
    3: (BLACK, BLUE, GREEN, RED),
    4: (BLUE, BLACK, RED, GREEN),
    5: (RED, BLUE, GREEN, BLACK),
    6: (BLUE, RED, BLACK, GREEN),
    7: (BLACK, GREEN, BLUE, RED),
    8: (GREEN, BLACK, RED, BLUE),
}


def oriented(value: int, file_format: str) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return encoded(corners(), file_format, exif=exif, lossless=True)


@pytest.mark.checklist("P15")
@pytest.mark.parametrize("value", SEEN)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_every_orientation_is_applied_to_the_pixels(value: int, file_format: str) -> None:
    result = compressed(oriented(value, file_format), "png")
    image = result.image.convert("RGB")
    width, height = image.size
    seen = [image.getpixel((x, y)) for y in (4, height - 5) for x in (4, width - 5)]
    assert all(near(pixel, expected, 12) for pixel, expected in zip(seen, SEEN[value], strict=True)), seen
    assert image.size == ((64, 32) if value < 5 else (32, 64))
    assert (result.answer.source.width, result.answer.source.height) == (64, 32)


class HiddenFile(io.BytesIO):
    """A file of Pillow's own that the box hides, as it looks to who decodes."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def read(self, size: int | None = -1, /) -> bytes:
        raise self.error


@pytest.mark.checklist("P14")
@pytest.mark.parametrize("error", [PermissionError(), ImportError()], ids=["hidden", "missing"])
def test_what_is_our_own_fault_is_no_damage_of_the_picture(error: Exception) -> None:
    with pytest.raises(type(error)):
        decode(HiddenFile(error), max_pixels=100)


def test_broken_exif_does_not_harm_the_picture() -> None:
    data = encoded(corners(), "JPEG", exif=b"Exif\0\0" + b"\xff" * 40)
    assert compressed(data).image.size == (64, 32)


@pytest.mark.checklist("P17")
def test_cmyk_becomes_rgb() -> None:
    image = compressed(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95), "png").image
    assert near(image.convert("RGB").getpixel((8, 8)), (255, 0, 0))


@pytest.mark.checklist("P17")
def test_sixteen_bit_grey_keeps_its_levels() -> None:
    image = Image.new("I;16", (16, 16), 128 * 256)
    grey = compressed(encoded(image, "PNG")).image
    assert grey.mode == "L"
    assert near(grey.getpixel((3, 3)), (128,))


def test_one_bit_pictures_stay_black_and_white() -> None:
    image = Image.new("1", (16, 16), 0)
    image.putpixel((3, 3), 1)
    result = compressed(encoded(image, "PNG")).image.convert("L")
    assert (result.getpixel((3, 3)), result.getpixel((4, 4))) == (255, 0)


@pytest.mark.checklist("P17")
def test_a_palette_with_a_transparent_colour_keeps_it() -> None:
    image = Image.new("P", (16, 16), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (8, 0, 16, 16))
    result = compressed(encoded(image, "PNG", transparency=0)).image.convert("RGBA")
    assert result.getpixel((2, 2))[3] == 0  # type: ignore[index]  # RGBA gives tuples
    assert result.getpixel((12, 2)) == (0, 0, 255, 255)


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_alpha_is_kept_where_the_format_can(file_format: str) -> None:
    image = photo().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    result = compressed(encoded(image, file_format, lossless=True)).image.convert("RGBA")
    assert near(result.getpixel((80, 0))[3:], (0,), 4)  # type: ignore[index]  # RGBA gives tuples
    assert near(result.getpixel((80, 60))[3:], (127,), 10)  # type: ignore[index]  # RGBA gives tuples


@pytest.mark.checklist("P17")
def test_alpha_is_laid_on_white_for_jpeg_and_hidden_colours_stay_hidden() -> None:
    image = Image.new("RGBA", (32, 16), (255, 0, 0, 0))
    image.paste((0, 0, 0, 128), (16, 0, 32, 16))
    result = compressed(encoded(image, "PNG"), "jpeg", quality=95).image
    assert near(result.getpixel((4, 8)), (255, 255, 255))
    assert near(result.getpixel((28, 8)), (127, 127, 127))


@pytest.mark.checklist("P17")
def test_grey_with_alpha_is_laid_on_white() -> None:
    image = Image.new("LA", (16, 16), (0, 128))
    result = compressed(encoded(image, "PNG"), "jpeg", quality=95).image.convert("RGB")
    assert near(result.getpixel((8, 8)), (127, 127, 127))


def test_an_alpha_channel_that_hides_nothing_is_dropped() -> None:
    assert compressed(encoded(photo().convert("RGBA"), "PNG", compress_level=0), "webp").image.mode == "RGB"


@pytest.mark.checklist("P16")
def test_an_embedded_profile_is_applied_and_dropped() -> None:
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    plain = encoded(photo(), "JPEG", quality=100)
    foreign = encoded(photo(), "JPEG", quality=100, icc_profile=swapped.tobytes())
    assert compressed(foreign, quality=95).image.getpixel((9, 9)) == compressed(plain, quality=95).image.getpixel(
        (9, 9)
    )
    assert "icc_profile" not in compressed(foreign).image.info


@pytest.mark.checklist("P16")
def test_a_wide_gamut_picture_is_converted_to_srgb() -> None:
    data = encoded(Image.new("RGB", (16, 16), (200, 80, 80)), "JPEG", quality=95, icc_profile=linear_profile())
    result = compressed(data, quality=95).image
    assert near(result.getpixel((8, 8)), (228, 152, 152), 3)
    assert "icc_profile" not in result.info


def test_a_broken_profile_is_ignored() -> None:
    data = encoded(Image.new("RGB", (16, 16), (200, 80, 80)), "JPEG", quality=95, icc_profile=b"no profile")
    assert near(compressed(data, quality=95).image.getpixel((8, 8)), (200, 80, 80), 3)


@pytest.mark.checklist("P18")
def test_the_first_frame_of_an_animation_becomes_the_picture() -> None:
    frames = [Image.new("RGB", (24, 24), colour) for colour in ("red", "blue")]
    for file_format in ("GIF", "WEBP", "PNG"):
        data = encoded(frames[0], file_format, save_all=True, append_images=frames[1:], duration=100)
        result = compressed(data).image
        assert getattr(result, "n_frames", 1) == 1
        assert near(result.convert("RGB").getpixel((5, 5)), (254, 0, 0), 6), file_format


@pytest.mark.checklist("P11")
def test_a_gif_becomes_a_png() -> None:
    result = compressed(encoded(photo().quantize(16), "GIF"))
    assert result.answer.source.format == "gif"
    assert (result.answer.made[0].format, result.image.format) == ("png", "PNG")


@pytest.mark.checklist("P11")
def test_a_phone_picture_with_a_preview_is_a_jpeg() -> None:
    data = encoded(photo(), "MPO", save_all=True, append_images=[photo((16, 16))])
    result = compressed(data)
    assert (result.answer.source.format, result.image.format, result.image.size) == ("jpeg", "JPEG", (160, 120))


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_truncated_picture_is_corrupt(file_format: str) -> None:
    data = encoded(photo(), file_format)
    assert refusal(data[: len(data) // 2]) == "corrupt_image"


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_picture_that_is_only_its_signature_is_corrupt(file_format: str) -> None:
    assert refusal(encoded(photo(), file_format)[:16]) == "corrupt_image"


@pytest.mark.checklist("P11")
@pytest.mark.parametrize(
    "data",
    [
        b"<html><body>Not found</body></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        b"8BPS\0\1" + b"\0" * 40,
        encoded(corners(), "TIFF"),
        encoded(corners(), "BMP"),
        b"\0",
    ],
)
def test_what_is_no_jpeg_png_webp_or_gif_is_unsupported(data: bytes) -> None:
    assert refusal(data) == "unsupported_format"


@pytest.mark.checklist("P12")
def test_a_bomb_is_refused_by_its_header() -> None:
    assert refusal(png_header(14_000, 14_000)) == "too_many_pixels"
    assert refusal(png_header(70_000, 10)) == "too_many_pixels"
    assert refusal(encoded(photo(), "WEBP"), max_pixels=160 * 120 - 1) == "too_many_pixels"
    assert compressed(encoded(photo(), "WEBP")).image.size == (160, 120)


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and has nothing to show for it."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    data = b"IDAT" + zlib.compress(b"\0" * 100)
    return head + struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))


def linear_profile() -> bytes:
    """sRGB's primaries with linear light: levels that are shown much brighter than their number says."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    linear = b"curv" + b"\0\0\0\0" + struct.pack(">I", 0) + b"\0" * 4
    count = struct.unpack_from(">I", profile, 128)[0]
    place = len(profile)
    for entry in range(132, 132 + 12 * count, 12):
        name = bytes(profile[entry : entry + 4])
        if name in {b"rTRC", b"gTRC", b"bTRC"}:
            struct.pack_into(">II", profile, entry + 4, place, 12)
        elif name == b"desc":
            offset, size = struct.unpack_from(">II", profile, entry + 4)
            profile[offset : offset + size] = bytes(profile[offset : offset + size]).replace(
                b"s\0R\0G\0B", b"L\0I\0N\0E"
            )
    profile += linear
    struct.pack_into(">I", profile, 0, len(profile))
    return bytes(profile)
