"""From pixels to bytes, written to a real file descriptor, which is faster than a buffer in Python."""

from dataclasses import dataclass
from typing import BinaryIO, Final

from PIL import Image

from services.processor.codec.job import Format, Unusable
from services.processor.codec.jpeg import write_jpeg
from services.processor.codec.png import write_png

WEBP_MAX_SIDE: Final = 16_383
# Half the time of the default method for some 6 % more bytes.
_WEBP_METHOD: Final = 2


def write_webp(image: Image.Image, out: BinaryIO, *, quality: int) -> None:
    """Lossy, alpha kept. Raises `Unusable` above 16,383 pixels a side, which the format cannot hold."""
    if max(image.size) > WEBP_MAX_SIDE:
        raise Unusable("too_many_pixels", f"A WebP picture has at most {WEBP_MAX_SIDE} pixels a side; use JPEG or PNG.")
    image.save(out, "WEBP", quality=quality, method=_WEBP_METHOD)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a format is to be written, where there is a choice.

    `has_floor`: no JPEG looks worse than a quality may look. `is_thorough`: the fewest bytes of a JPEG, whatever the
    time. `may_pack`: PNGs are packed.
    """

    has_floor: bool
    may_pack: bool
    is_thorough: bool = False


def write(image: Image.Image, out: BinaryIO, *, target: Format, quality: int, manner: Manner) -> None:
    """Encode in one of the three formats that leave the house; a PNG has the colours that it comes with."""
    if target == "jpeg":
        write_jpeg(image, out, quality=quality, has_floor=manner.has_floor, is_thorough=manner.is_thorough)
    elif target == "webp":
        write_webp(image, out, quality=quality)
    else:
        write_png(image, out, may_pack=manner.may_pack)
