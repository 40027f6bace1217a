"""JPEG files."""

import io

import pytest
from PIL import Image, ImageFilter, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from services.processor.codec.fidelity import floor_db
from services.processor.codec.quantisation import tables
from tests.pictures.metrics import mean_delta_e, psnr
from tests.unit.processor.pictures import OutputFormat, compressed, encoded, noise, photo


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


def test_who_names_a_format_gets_the_quality_that_was_asked_for() -> None:
    result = compressed(encoded(noise(), "PNG"), "jpeg", quality=50)
    assert isinstance(result.image, JpegImageFile)
    assert list(result.image.quantization.values()) == list(tables(50))


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


@pytest.mark.parametrize("wanted", ["keep", "jpeg"])
def test_an_ordinary_picture_gets_the_quality_that_was_asked_for_and_nothing_else(wanted: OutputFormat) -> None:
    picture = photo((320, 240)).filter(ImageFilter.GaussianBlur(2))
    source = encoded(picture, "JPEG", quality=98, subsampling=0)
    decoded = Image.open(io.BytesIO(source))
    expected = encoded(decoded, "JPEG", qtables=tables(50), subsampling=2, optimize=True)
    assert compressed(source, wanted, quality=50).data == expected


def on_white(object_side: int) -> Image.Image:
    """A product in the middle of a white square."""
    ground = Image.new("RGB", (1000, 1000), "white")
    place = (1000 - object_side) // 2
    ground.paste(photo((object_side, object_side)), (place, place))
    return ground


@pytest.mark.parametrize(
    ("picture", "has_its_own"),
    [
        pytest.param(photo((640, 480)).filter(ImageFilter.GaussianBlur(1)), False, id="full of detail"),
        pytest.param(photo((640, 480)).filter(ImageFilter.GaussianBlur(20)), True, id="smooth"),
        pytest.param(on_white(300), True, id="a small product on white"),
        pytest.param(on_white(400), True, id="a product on white"),
        pytest.param(on_white(900), False, id="a product that fills its picture"),
        pytest.param(photo((200, 200)), True, id="small"),
    ],
)
def test_a_picture_has_huffman_codes_of_its_own_where_they_pay(picture: Image.Image, has_its_own: bool) -> None:
    own, usual = (
        encoded(picture, "JPEG", qtables=tables(50), subsampling=2, optimize=is_own) for is_own in (True, False)
    )
    assert compressed(encoded(picture, "PNG"), "jpeg", quality=50).data == (own if has_its_own else usual)


@pytest.mark.parametrize("source_quality", [83, 84, 85, 86])
def test_codes_of_its_own_come_before_the_floor_is_given_up(source_quality: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    source = encoded(noise((600, 600)), "JPEG", quality=source_quality, exif=exif)
    result = compressed(source, quality=50)
    assert len(result.data) < len(source)
    assert psnr(ImageOps.exif_transpose(Image.open(io.BytesIO(source))), result.image) >= floor_db(50)


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (700, 3), (17, 31)])
def test_a_picture_of_any_shape_is_judged(size: tuple[int, int]) -> None:
    assert compressed(encoded(photo(size), "PNG"), "jpeg").image.size == size


def test_no_larger_than_the_source_comes_before_a_better_quality() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    source = encoded(noise(), "JPEG", quality=60, exif=exif)
    result = compressed(source, quality=50)
    assert len(result.data) < len(source)
    assert result.answer.note is None


@pytest.mark.parametrize("quality", [90, 95])
@pytest.mark.parametrize("wanted", ["keep", "jpeg"])
@pytest.mark.parametrize("size", [(129, 257), (600, 600)])
def test_noise_finds_room_for_its_many_bytes(wanted: OutputFormat, quality: int, size: tuple[int, int]) -> None:
    assert compressed(as_jpeg(noise(size)), wanted, quality=quality).image.size == size
