"""256 colours where they look the same as all of them, by measure."""

from functools import reduce
from typing import Final

from PIL import Image, ImageChops, ImageStat
from PIL.Image import Dither, Quantize

COLOURS: Final = 256
BLOCK: Final = 8

# Found by looking at pictures: below both, a difference is not seen at full size. Banding shows as a shift of the
# mean of a small block, in levels of 255; noise as the root mean square over all pixels. Who asks for a quality above
# 50 gets less noise.
MAX_BANDING: Final = 1.5
MAX_NOISE: Final = 6.0
_NOISE_QUALITY: Final = 50
_NOISE_A_QUALITY_STEP: Final = 0.1
MAX_ALPHA_SHIFT: Final = 2


def as_palette(image: Image.Image, *, quality: int) -> Image.Image | None:
    """Return the picture in 256 colours if that looks the same, dithered if it must be; None if it does not."""
    if image.mode == "L":
        return None
    plain = image.quantize(COLOURS, method=Quantize.FASTOCTREE)
    if looks_the_same(image, plain, quality=quality):
        return plain
    if image.mode != "RGB":
        return None
    dithered = image.quantize(palette=plain, dither=Dither.FLOYDSTEINBERG)
    return dithered if looks_the_same(image, dithered, quality=quality) else None


def looks_the_same(image: Image.Image, reduced: Image.Image, *, quality: int) -> bool:
    """Compare `RGB` or `RGBA` with its palette version; what alpha hides does not count."""
    before, after = image, reduced.convert(image.mode)
    if image.mode == "RGBA":
        if _alpha_shift(before, after) > MAX_ALPHA_SHIFT:
            return False
        before, after = _premultiplied(before), _premultiplied(after)
    return _banding(before, after) <= MAX_BANDING and _noise(before, after) <= max_noise(quality)


def max_noise(quality: int) -> float:
    """The most noise at a quality, in levels of 255."""
    return MAX_NOISE - _NOISE_A_QUALITY_STEP * max(0, quality - _NOISE_QUALITY)


def _alpha_shift(before: Image.Image, after: Image.Image) -> int:
    _, largest = ImageChops.difference(before.getchannel("A"), after.getchannel("A")).getextrema()
    return int(largest)  # type: ignore[arg-type]  # one band gives two numbers


def _premultiplied(image: Image.Image) -> Image.Image:
    bands = image.split()
    alpha = bands[3]
    return Image.merge("RGBA", [*(ImageChops.multiply(band, alpha) for band in bands[:3]), alpha])


def _banding(before: Image.Image, after: Image.Image) -> float:
    shift = ImageChops.difference(before.reduce(BLOCK), after.reduce(BLOCK))
    return ImageStat.Stat(reduce(ImageChops.lighter, shift.split())).mean[0]


def _noise(before: Image.Image, after: Image.Image) -> float:
    return max(ImageStat.Stat(ImageChops.difference(before, after)).rms)
