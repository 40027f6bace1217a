"""Pictures that mean harm: refused before they cost anything, or made into a picture and nothing else."""

import io
import struct
import time

import pytest
from PIL import Image, ImageCms

from services.processor.codec import png_container
from services.processor.codec.srgb import MAX_PROFILE_BYTES
from tests.unit.processor import hostile_pictures as hostile
from tests.unit.processor.hostile_pictures import SECRET, jpeg_segment, small_png, webp_of, webp_pixels
from tests.unit.processor.pictures import Result, compressed, corners, encoded, photo, refusal

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
BOMB = hostile.deflated_bomb()
ONE_FRAME = b"acTL", b"\0\0\0\1\0\0\0\0"
FRAME = b"fcTL", struct.pack(">5I2H2B", 0, 160, 120, 0, 0, 1, 1, 0, 0)
CHUNKS = tuple(hostile.png_chunks(small_png()))


def is_clean(result: Result) -> bool:
    """Say whether it is one picture with nothing but pixels in it."""
    return SECRET not in result.data and not result.image.info.keys() & {"exif", "xmp", "comment", "icc_profile"}


@pytest.mark.checklist("P12")
@pytest.mark.parametrize("side", [13_000, 14_000])
def test_a_whole_bomb_of_169_or_196_million_pixels_is_refused_before_it_is_decoded(side: int) -> None:
    bomb = hostile.png_bomb(side, side)
    assert len(bomb) < 50_000
    began = time.process_time()
    assert refusal(bomb) == "too_many_pixels"
    # Decoding takes half a second and more.
    assert time.process_time() - began < 0.1


@pytest.mark.checklist("P12")
@pytest.mark.parametrize(
    "data",
    [
        hostile.png_header(65_501, 1),
        webp_of([hostile.webp_canvas(16_384, 16_384), (b"VP8 ", webp_pixels())]),
        b"GIF89a" + b"\xff\xff\xff\xff\0\0\0" + hostile.gif_with_frames(0)[13:],
    ],
    ids=["a long side", "a lying canvas", "a lying screen"],
)
def test_a_header_is_believed_when_it_promises_too_much(data: bytes) -> None:
    assert refusal(data) == "too_many_pixels"


@pytest.mark.checklist("P12")
def test_a_gif_whose_frame_is_larger_than_its_screen_is_as_large_as_its_frame() -> None:
    data = encoded(photo((64, 48)).quantize(4), "GIF")
    data = data[:6] + b"\1\0\1\0" + data[10:]
    assert refusal(data, max_pixels=1000) == "too_many_pixels"


@pytest.mark.checklist("P12")
@pytest.mark.parametrize("name", ["zTXt", "iCCP", "iTXt"])
def test_a_chunk_that_unpacks_to_two_hundred_million_letters_is_corrupt_and_cheap(name: str) -> None:
    head = b"Comment\0\1\0\0\0" if name == "iTXt" else b"Comment\0\0"
    began = time.process_time()
    assert refusal(small_png((name.encode(), head + BOMB))) == "corrupt_image"
    assert time.process_time() - began < 0.5


@pytest.mark.checklist("P12", "P16")
def test_pixels_that_go_on_behind_the_last_row_are_cut() -> None:
    assert compressed(small_png(data=BOMB), quality=90).image.size == (160, 120)


@pytest.mark.checklist("P18")
def test_frames_behind_the_first_cost_nothing_however_many() -> None:
    began = time.process_time()
    result = compressed(hostile.gif_with_frames(200_000))
    assert time.process_time() - began < 1.0
    assert result.image.tobytes() == compressed(hostile.gif_with_frames(0)).image.tobytes()


@pytest.mark.checklist("P16")
@pytest.mark.parametrize("marker", [*range(0xE1, 0xEE), 0xEF, 0xFE])
def test_no_segment_of_a_jpeg_survives_when_it_is_only_repacked(marker: int) -> None:
    source = hostile.jpeg_with(jpeg_segment(marker, SECRET)) + SECRET
    result = compressed(source, quality=90)
    assert result.answer.note == "kept_original"
    assert is_clean(result)


@pytest.mark.checklist("P16")
def test_the_second_picture_of_a_phone_does_not_survive() -> None:
    source = encoded(photo(), "MPO", save_all=True, append_images=[photo((16, 16))], quality=12) + SECRET
    result = compressed(source, quality=90)
    assert is_clean(result)
    assert result.data.count(b"\xff\xd8\xff") == 1


@pytest.mark.checklist("P16")
@pytest.mark.parametrize(
    "source",
    [
        small_png((b"seCr", SECRET)),
        small_png((b"tEXt", b"Comment\0" + SECRET), (b"eXIf", b"MM\0*" + SECRET)),
        hostile.png_of([CHUNKS[0], ONE_FRAME, FRAME, *CHUNKS[1:-1], (b"fdAT", b"\0\0\0\1" + SECRET), hostile.END]),
        small_png((b"PLTE", SECRET)),
        small_png((b"tRNS", b"\0\0" + SECRET)),
        small_png(data=SECRET),
        small_png(end=SECRET),
        small_png() + SECRET,
    ],
    ids=["private", "text", "frame", "palette", "transparency", "behind the pixels", "in the end", "behind the end"],
)
def test_nothing_in_a_png_survives_but_its_pixels(source: bytes) -> None:
    assert is_clean(compressed(source, quality=90))
    try:
        kept = png_container.without_metadata(source)
    except ValueError:
        return
    assert SECRET not in kept
    assert Image.open(io.BytesIO(kept)).tobytes() == Image.open(io.BytesIO(source)).tobytes()


@pytest.mark.checklist("P16")
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_large_png_keeps_its_pixels_when_only_its_metadata_goes(mode: str) -> None:
    image = Image.new("I;16", (33, 7), 700) if mode == "I;16" else corners((33, 7)).convert(mode)
    source = encoded(image, "PNG", transparency=0) if mode == "P" else encoded(image, "PNG")
    kept = Image.open(io.BytesIO(png_container.without_metadata(source)))
    assert kept.convert("RGBA").tobytes() == Image.open(io.BytesIO(source)).convert("RGBA").tobytes()


@pytest.mark.parametrize(
    "source",
    [
        hostile.png_of([CHUNKS[0], *CHUNKS]),
        hostile.png_of(CHUNKS[1:]),
        hostile.png_of(CHUNKS[:-1]),
    ],
    ids=["twice", "no header", "no end"],
)
def test_a_png_that_is_not_in_order_is_not_repacked(source: bytes) -> None:
    with pytest.raises(ValueError, match="PNG"):
        png_container.without_metadata(source)


@pytest.mark.checklist("P16")
@pytest.mark.parametrize(
    "source",
    [
        webp_of([(b"VP8 ", webp_pixels()), (b"XXXX", SECRET)]),
        webp_of([hostile.webp_canvas(160, 120, 0x0C), (b"VP8 ", webp_pixels()), (b"EXIF", SECRET), (b"XMP ", SECRET)]),
        webp_of([(b"VP8 ", webp_pixels() + 8 * SECRET)]),
        webp_of([(b"VP8 ", webp_pixels()), (b"VP8 ", webp_pixels(photo().rotate(90)) + SECRET)]),
        webp_of([(b"VP8 ", webp_pixels())]) + SECRET,
    ],
    ids=["unknown", "exif and xmp", "behind the pixels", "a second picture", "behind the end"],
)
def test_nothing_in_a_webp_survives_but_its_pixels(source: bytes) -> None:
    assert is_clean(compressed(source, quality=90))


@pytest.mark.checklist("P16")
def test_a_gif_leaves_its_comment_behind() -> None:
    assert is_clean(compressed(encoded(photo().quantize(16), "GIF", comment=SECRET) + SECRET))


def test_a_huge_profile_is_ignored_and_not_kept_in_memory() -> None:
    data = encoded(photo(), "JPEG", quality=95, icc_profile=ICC + b"\0" * MAX_PROFILE_BYTES)
    assert compressed(data).data == compressed(encoded(photo(), "JPEG", quality=95)).data


@pytest.mark.checklist("P11")
@pytest.mark.parametrize("name", ["TIFF", "BMP", "PPM", "PCX", "TGA", "ICO", "JPEG2000", "AVIF", "DDS"])
def test_no_other_decoder_of_the_library_is_ever_asked(name: str) -> None:
    assert refusal(encoded(corners(), name)) == "unsupported_format"
