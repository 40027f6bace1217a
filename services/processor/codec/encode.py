"""From pixels to bytes, written to a real file descriptor, which is faster than a buffer in Python."""

import io
from collections.abc import Iterator
from typing import BinaryIO, Final

from PIL import Image

from services.processor.codec.colour import on_white
from services.processor.codec.fidelity import TRUE_COLOUR_QUALITY, is_faithful, sample
from services.processor.codec.job import Format, Unusable
from services.processor.codec.palette import as_palette

WEBP_MAX_SIDE: Final = 16_383

MAX_QUALITY: Final = 95
_QUALITY_STEP: Final = 5
# Pillow's numbers for colour in every pixel (4:4:4) and in every second one of every second line (4:2:0).
_WHOLE_COLOUR: Final = 0
_HALF_COLOUR: Final = 2
# Half the time of the default method for some 6 % more bytes.
_WEBP_METHOD: Final = 2


def write_jpeg(image: Image.Image, out: BinaryIO, *, quality: int, has_floor: bool = True) -> None:
    """Baseline with optimised Huffman tables; alpha is laid on white.

    Colour has half the resolution. A picture that this harms visibly gets it whole, or is encoded at the next higher
    quality that does not harm it, unless it has no floor.
    """
    ground = on_white(image)
    setting = _faithful_setting(ground, quality) if has_floor else (quality, _HALF_COLOUR)
    ground.save(out, "JPEG", quality=setting[0], subsampling=setting[1], optimize=True)


def _faithful_setting(image: Image.Image, quality: int) -> tuple[int, int]:
    tiles = sample(image)
    for rung, colour in _jpeg_rungs(quality):
        if is_faithful(tiles, _as_jpeg(tiles, rung, colour), quality=quality):
            return rung, colour
    return MAX_QUALITY, _WHOLE_COLOUR


def _jpeg_rungs(quality: int) -> Iterator[tuple[int, int]]:
    rungs = [*range(quality, TRUE_COLOUR_QUALITY, _QUALITY_STEP), *range(TRUE_COLOUR_QUALITY, MAX_QUALITY + 1)]
    for rung in rungs:
        if rung >= quality:
            yield rung, _HALF_COLOUR
            yield rung, _WHOLE_COLOUR


def _as_jpeg(tiles: Image.Image, quality: int, colour: int) -> Image.Image:
    buffer = io.BytesIO()
    tiles.save(buffer, "JPEG", quality=quality, subsampling=colour)
    return Image.open(buffer)


def write_webp(image: Image.Image, out: BinaryIO, *, quality: int) -> None:
    """Lossy, alpha kept. Raises `Unusable` above 16,383 pixels a side, which the format cannot hold."""
    if max(image.size) > WEBP_MAX_SIDE:
        raise Unusable("too_many_pixels", f"A WebP picture has at most {WEBP_MAX_SIDE} pixels a side; use JPEG or PNG.")
    image.save(out, "WEBP", quality=quality, method=_WEBP_METHOD)


def write_png(image: Image.Image, out: BinaryIO, *, quality: int, indexed: Image.Image | None) -> None:
    """With the source's own palette if it has one, else 256 colours where they look the same, else lossless."""
    if indexed is not None:
        transparency = indexed.info.get("transparency")
        plain = indexed.copy()
        plain.info = {} if transparency is None else {"transparency": transparency}
        plain.save(out, "PNG")
    else:
        (as_palette(image, quality=quality) or image).save(out, "PNG")


def write(
    image: Image.Image,
    out: BinaryIO,
    *,
    target: Format,
    quality: int,
    indexed: Image.Image | None,
    has_floor: bool = True,
) -> None:
    """Encode in one of the three formats that leave the house."""
    if target == "jpeg":
        write_jpeg(image, out, quality=quality, has_floor=has_floor)
    elif target == "webp":
        write_webp(image, out, quality=quality)
    else:
        write_png(image, out, quality=quality, indexed=indexed)
