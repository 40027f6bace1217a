"""A recoded file is byte for byte what libjpeg writes when it optimises, and other files are refused."""

import io
import random
from typing import Any

import pytest
from PIL import Image, ImageFilter

from services.processor.codec import jpeg
from services.processor.codec.huffman_codes import recoded
from tests.unit.processor.pictures import compressed, encoded, noise, photo

ANY_SIZE = 2**40
START_OF_SCAN = b"\xff\xda"


def smooth(size: tuple[int, int]) -> Image.Image:
    return photo(size).filter(ImageFilter.GaussianBlur(8))


@pytest.mark.parametrize("options", [{"quality": 5}, {"quality": 50}, {"quality": 98, "subsampling": 0}], ids=str)
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (17, 31), (3, 700), (160, 120)])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("picture", [photo, noise, smooth])
def test_the_codes_are_those_that_libjpeg_finds(
    picture: Any, mode: str, size: tuple[int, int], options: dict[str, Any]
) -> None:
    image = picture(size).convert(mode)
    usual, best = (encoded(image, "JPEG", optimize=is_best, **options) for is_best in (False, True))
    assert recoded(usual, ANY_SIZE) == best


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_components_may_have_any_resolution(subsampling: int) -> None:
    usual, best = (
        encoded(photo((833, 601)), "JPEG", subsampling=subsampling, optimize=is_best) for is_best in (False, True)
    )
    assert recoded(usual, ANY_SIZE) == best


def test_all_else_in_the_file_stays() -> None:
    source = encoded(photo(), "JPEG", comment=b"words", icc_profile=b"profile", exif=b"Exif\0\0exif")
    before, after = (Image.open(io.BytesIO(data)) for data in (source, recoded(source, ANY_SIZE) or b""))
    assert after.info == before.info
    assert after.tobytes() == before.tobytes()


def test_there_is_none_if_it_has_more_bytes() -> None:
    source = encoded(photo(), "JPEG")
    best = recoded(source, ANY_SIZE)
    assert best is not None
    assert recoded(source, len(best)) == best
    for most in (len(best) - 1, 0, -1):
        assert recoded(source, most) is None


def test_a_file_that_is_recoded_already_stays_as_it_is() -> None:
    best = recoded(encoded(photo(), "JPEG"), ANY_SIZE) or b""
    assert recoded(best, ANY_SIZE) == best


SOURCE = encoded(photo((64, 48)), "JPEG")
FRAME = SOURCE.index(b"\xff\xc0")
SCAN = SOURCE.rindex(START_OF_SCAN)


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"\xff\xd8",
        encoded(photo(), "PNG"),
        encoded(photo(), "JPEG", progressive=True),
        encoded(photo(), "JPEG", restart_marker_blocks=2),
        SOURCE[:-2],
        SOURCE[:-1] + b"\x00",
        SOURCE + b"behind",
        SOURCE[:-2] + bytes(9) + SOURCE[-2:],
        SOURCE[:SCAN],
        SOURCE[: SCAN + 40] + SOURCE[-2:],
        SOURCE[: SCAN + 40] + b"\xff\xd0" + SOURCE[SCAN + 40 :],
        SOURCE[: SCAN + 40] + b"\xff\x00" * 10 + SOURCE[SCAN + 60 :],
        SOURCE[:SCAN] + b"\xff\xd9",
        SOURCE.replace(b"\xff\xc4", b"\xff\xfe"),
        SOURCE.replace(b"\xff\xc0", b"\xff\xfe"),
        SOURCE[: FRAME + 5] + bytes(4) + SOURCE[FRAME + 9 :],
    ],
    ids=[
        "nothing",
        "no segment",
        "no jpeg",
        "progressive",
        "restarts",
        "no end",
        "another end",
        "behind the end",
        "behind the scan",
        "no scan",
        "half a scan",
        "a mark",
        "broken",
        "end instead of a scan",
        "no tables",
        "no frame",
        "no pixels",
    ],
)
def test_what_is_no_whole_baseline_file_is_refused(source: bytes) -> None:
    with pytest.raises(ValueError, match="JPEG"):
        recoded(source, ANY_SIZE)


def test_whatever_the_bytes_it_ends() -> None:
    chance = random.Random(11)
    refused = 0
    for _ in range(3000):
        odd = bytearray(SOURCE)
        for _ in range(chance.randint(1, 4)):
            odd[chance.randrange(len(odd))] = chance.randrange(256)
        try:
            recoded(bytes(odd), ANY_SIZE)
        except ValueError:
            refused += 1
    assert refused > 1000


@pytest.mark.parametrize("wanted", ["keep", "jpeg"])
@pytest.mark.parametrize("picture", [photo(), noise(), smooth((640, 480))], ids=["photo", "noise", "smooth"])
def test_without_the_extension_the_bytes_are_the_same(
    monkeypatch: pytest.MonkeyPatch, picture: Image.Image, wanted: Any
) -> None:
    source = encoded(picture, "JPEG", quality=85)
    usual = compressed(source, wanted).data
    monkeypatch.setattr(jpeg, "_recoded", None)
    assert compressed(source, wanted).data == usual
