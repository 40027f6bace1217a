"""How far two pictures are apart, by measures that others use: CIE76, PSNR, levels of alpha.

All compare pictures of the same size, and read them in strips, so that a large picture fits in memory.
"""

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Numbers = NDArray[np.float32]

PEAK: Final = 255
STRIP_ROWS: Final = 256

# From linear sRGB to XYZ, divided by the white point D65, and the constants of L*a*b*. Source: IEC 61966-2-1, CIE 15.
_TO_XYZ: Final = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE: Final = np.array([0.95047, 1.0, 1.08883])
_TO_RELATIVE_XYZ: Final = (_TO_XYZ / _WHITE[:, None]).T.astype(np.float32)
_CUBE_FROM: Final = (6 / 29) ** 3
_SLOPE: Final = (29 / 6) ** 2 / 3
_OFFSET: Final = 4 / 29


def _linear_levels() -> Numbers:
    level = np.arange(256) / PEAK
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LINEAR: Final = _linear_levels()


def lab(rgb: NDArray[np.uint8]) -> Numbers:
    """Convert sRGB levels, three at the end of the shape, to CIE L*a*b* (D65)."""
    relative = _LINEAR[rgb] @ _TO_RELATIVE_XYZ
    x, y, z = np.moveaxis(np.where(relative > _CUBE_FROM, np.cbrt(relative), _SLOPE * relative + _OFFSET), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def mean_delta_e(first: Image.Image, second: Image.Image) -> float:
    """The mean colour difference CIE76 of two pictures, laid on white where they are transparent."""
    total = sum(
        float(np.linalg.norm(lab(one) - lab(other), axis=-1).sum(dtype=np.float64))
        for one, other in _strips(on_white(first), on_white(second))
    )
    return total / (first.width * first.height)


def psnr(first: Image.Image, second: Image.Image) -> float:
    """The peak signal-to-noise ratio of two pictures in dB over red, green and blue, laid on white."""
    squares = sum(
        float(np.square(one.astype(np.float32) - other).sum(dtype=np.float64))
        for one, other in _strips(on_white(first), on_white(second))
    )
    mean = squares / (3 * first.width * first.height)
    return math.inf if mean == 0 else 10 * math.log10(PEAK**2 / mean)


def largest_alpha_difference(first: Image.Image, second: Image.Image) -> int:
    """The most levels of 255 by which the alpha of any pixel differs; what has no alpha is opaque."""
    strips = _strips(first.convert("RGBA").getchannel("A"), second.convert("RGBA").getchannel("A"))
    return max(int(np.abs(one.astype(np.int16) - other).max()) for one, other in strips)


def on_white(picture: Image.Image) -> Image.Image:
    """The picture as `RGB`, as a page with white ground shows it."""
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("RGB")
    ground = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")


def _strips(first: Image.Image, second: Image.Image) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    assert first.size == second.size, f"{first.size} and {second.size}"
    for top in range(0, first.height, STRIP_ROWS):
        box = (0, top, first.width, min(top + STRIP_ROWS, first.height))
        yield _levels(first.crop(box)), _levels(second.crop(box))


def _levels(picture: Image.Image) -> NDArray[np.uint8]:
    levels: NDArray[Any] = np.asarray(picture)
    return levels
