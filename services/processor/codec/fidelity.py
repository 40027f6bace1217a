"""How faithful an encoder's setting is to a picture, measured on a sample of it before the whole is encoded."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from PIL import Image, ImageChops, ImageCms, ImageStat

# Tiles of whole JPEG blocks, from all over the picture: a millisecond tells what the whole would tell, within 1 dB.
TILE: Final = 16
TILES_A_SIDE: Final = 8

FLOOR_DB: Final = 30.0
FLOOR_QUALITY: Final = 50
_DB_A_QUALITY_STEP: Final = 0.2
_SAMPLE_MARGIN_DB: Final = 1.0

TRUE_COLOUR_QUALITY: Final = 90
MAX_DELTA_E: Final = 2.0
_SAMPLE_MARGIN_DELTA_E: Final = 0.2

_PEAK: Final = 255
_LIGHTNESS: Final = 100 / 255
_LARGEST_SIGNED: Final = 127


def sample(image: Image.Image) -> Image.Image:
    """Return tiles from all over the picture, side by side; a small picture is its own sample."""
    columns, rows = _places(image.width), _places(image.height)
    if not columns or not rows:
        return image
    tiles = Image.new(image.mode, (TILE * len(columns), TILE * len(rows)))
    for row, top in enumerate(rows):
        for column, left in enumerate(columns):
            tile = image.crop((left, top, left + TILE, top + TILE))
            tiles.paste(tile, (TILE * column, TILE * row))
    return tiles


def is_faithful(before: Image.Image, after: Image.Image, *, quality: int) -> bool:
    """Say whether a sample, `L` or `RGB`, is close enough to what it was for the quality that was asked for."""
    difference = ImageStat.Stat(ImageChops.difference(before, after))
    if _psnr(difference.rms) < floor_db(quality) + _SAMPLE_MARGIN_DB:
        return False
    return quality < TRUE_COLOUR_QUALITY or _mean_delta_e(before, after) < MAX_DELTA_E - _SAMPLE_MARGIN_DELTA_E


def floor_db(quality: int) -> float:
    """The least PSNR of a picture at a quality: who asks for less than quality 50 gets less."""
    return FLOOR_DB - _DB_A_QUALITY_STEP * max(0, FLOOR_QUALITY - quality)


def _places(length: int) -> list[int]:
    tiles = length // TILE
    if tiles <= TILES_A_SIDE:
        return [TILE * tile for tile in range(tiles)]
    return [TILE * (tile * (tiles - 1) // (TILES_A_SIDE - 1)) for tile in range(TILES_A_SIDE)]


def _psnr(rms_of_bands: Sequence[float]) -> float:
    square = sum(rms**2 for rms in rms_of_bands) / len(rms_of_bands)
    return math.inf if square == 0 else 10 * math.log10(_PEAK**2 / square)


def _mean_delta_e(before: Image.Image, after: Image.Image) -> float:
    pixels = zip(_lab_levels(before), _lab_levels(after), strict=True)
    total = sum(
        math.hypot((one[0] - other[0]) * _LIGHTNESS, one[1] - other[1], one[2] - other[2]) for one, other in pixels
    )
    return total / (before.width * before.height)


def _lab_levels(image: Image.Image) -> list[tuple[int, ...]]:
    lab = ImageCms.applyTransform(image.convert("RGB"), _to_lab())
    assert lab is not None
    levels = lab.tobytes()
    # The a and b of Pillow's LAB are signed bytes.
    return [(levels[at], _signed(levels[at + 1]), _signed(levels[at + 2])) for at in range(0, len(levels), 3)]


def _signed(level: int) -> int:
    return level - 256 if level > _LARGEST_SIGNED else level


@lru_cache(maxsize=1)
def _to_lab() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
