"""How faithful an encoder's setting is to a picture, measured on a sample of it before the whole is encoded."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from PIL import Image, ImageChops, ImageCms, ImageStat

# Tiles of whole JPEG blocks, from all over the picture: a millisecond tells what the whole would tell, within 1 dB.
TILE: Final = 16
_EDGE: Final = 1
_FEWEST_TILES_A_SIDE: Final = 8
_MOST_TILES_A_SIDE: Final = 24
_PIXELS_TO_A_TILE: Final = 160

FLOOR_DB: Final = 30.0
FLOOR_QUALITY: Final = 50
_DB_A_QUALITY_STEP: Final = 0.2
SAMPLE_MARGIN_DB: Final = 1.0

TRUE_COLOUR_QUALITY: Final = 90
MAX_DELTA_E: Final = 2.0
_SAMPLE_MARGIN_DELTA_E: Final = 0.2

_PEAK: Final = 255
_LIGHTNESS: Final = 100 / 255
_LARGEST_SIGNED: Final = 127


@dataclass(frozen=True, slots=True)
class Sample:
    """Tiles from all over a picture, side by side. `inner`, where a picture is not its own sample, are those pixels of
    them that a neighbour does not touch: colour of half resolution is smoothed across the edges of tiles."""

    tiles: Image.Image
    inner: Image.Image | None

    def is_faithful(self, after: Image.Image, *, quality: int, margin_db: float = SAMPLE_MARGIN_DB) -> bool:
        """Say whether what became of the tiles is close enough to them for the quality that was asked for.

        `margin_db` is how far the whole may be from its sample.
        """
        difference = ImageStat.Stat(ImageChops.difference(self.tiles, after), self.inner)
        if _psnr(difference.rms) < floor_db(quality) + margin_db:
            return False
        return quality < TRUE_COLOUR_QUALITY or _mean_delta_e(self.tiles, after) < MAX_DELTA_E - _SAMPLE_MARGIN_DELTA_E


def sample(image: Image.Image) -> Sample:
    """Return a sample of a picture in `L` or `RGB`; a small picture is its own."""
    side = math.isqrt(image.width * image.height) // _PIXELS_TO_A_TILE
    most = max(_FEWEST_TILES_A_SIDE, min(_MOST_TILES_A_SIDE, side))
    columns, rows = _places(image.width, most), _places(image.height, most)
    if not columns or not rows:
        return Sample(image, None)
    tiles = Image.new(image.mode, (TILE * len(columns), TILE * len(rows)))
    for row, top in enumerate(rows):
        for column, left in enumerate(columns):
            tile = image.crop((left, top, left + TILE, top + TILE))
            tiles.paste(tile, (TILE * column, TILE * row))
    return Sample(tiles, _inner_pixels(len(columns), len(rows)))


def floor_db(quality: int) -> float:
    """The least PSNR of a picture at a quality: who asks for less than quality 50 gets less."""
    return FLOOR_DB - _DB_A_QUALITY_STEP * max(0, FLOOR_QUALITY - quality)


@lru_cache(maxsize=16)
def _inner_pixels(columns: int, rows: int) -> Image.Image:
    inner = Image.new("L", (TILE * columns, TILE * rows))
    for row in range(rows):
        for column in range(columns):
            left, top = TILE * column + _EDGE, TILE * row + _EDGE
            inner.paste(_PEAK, (left, top, left + TILE - 2 * _EDGE, top + TILE - 2 * _EDGE))
    return inner


def _places(length: int, most: int) -> list[int]:
    tiles = length // TILE
    if tiles <= most:
        return [TILE * tile for tile in range(tiles)]
    return [TILE * (tile * (tiles - 1) // (most - 1)) for tile in range(most)]


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
