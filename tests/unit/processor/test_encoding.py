"""What leaves the codec: smaller, clean of metadata, in the format and size that was ordered."""

import hashlib
import io

import pytest
from PIL import Image, PngImagePlugin

from services.processor.codec.job import Compressed
from tests.unit.processor.pictures import compressed, encoded, photo, refusal, run, same_pixels


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
