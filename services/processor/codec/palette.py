"""256 colours, or fewer greys, where they look the same as all of them, by measure.

A palette shows in two ways. Noise is the root mean square of the difference over all pixels. A band is a block whose
mean is off, in levels of 255: the eye sees an edge where the next block is off the other way. What is busy hides bands,
so a block may be off by some levels, which sink with the quality, and by its own activity besides. Blocks that are
further off are dithered, and no others: dither is noise, which costs bytes. An ordered pattern costs the fewest, for it
repeats.
"""

import math
from collections.abc import Iterator
from functools import lru_cache, reduce
from typing import Final

from PIL import Image, ImageChops, ImageStat
from PIL.Image import Dither, Quantize, Resampling

from services.processor.codec.png import has_few_colours

COLOURS: Final = 256
BLOCK: Final = 8

# Found by looking at pictures: below these, a difference is not seen at full size. Who asks for a quality above 50 gets
# less of both.
MAX_SHIFT: Final = 2.0
MAX_NOISE: Final = 6.0
_USUAL_QUALITY: Final = 50
_SHIFT_A_QUALITY_STEP: Final = 0.025
_NOISE_A_QUALITY_STEP: Final = 0.1
# What dither cannot mend, as the mean over all blocks of what they are too far off.
MAX_BANDING: Final = 0.75
MAX_ALPHA_SHIFT: Final = 2

# More pixels than these teach an octree nothing. Its cells are as wide as the pattern that goes from one to the next.
_OCTREE_PIXELS: Final = 1_000_000
_CELL: Final = 16
_BAYER: Final = ((0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5))
"""Thresholds in the order in which the fewest of them make a pattern that is seen. Source: Bayer, ICC 1973."""
_TILE: Final = 256
_STRIP: Final = 128
"""Rows that are looked at together: whole blocks."""


def as_palette(image: Image.Image, *, quality: int) -> Image.Image | None:
    """Return `RGB` or `RGBA` in 256 colours and `L` in fewer greys if that looks the same.

    None if it does not, and for a picture that has few enough of them: a PNG holds these in as many bits as they need.
    """
    if has_few_colours(image):
        return None
    return next((each for each in _reduced(image, quality) if looks_the_same(image, each, quality=quality)), None)


def looks_the_same(image: Image.Image, reduced: Image.Image, *, quality: int) -> bool:
    """Compare `L`, `RGB` or `RGBA` with its reduced version; what alpha hides does not count."""
    squares, too_far_off, most = [0.0] * len(image.getbands()), 0.0, max_noise(quality) ** 2
    for before, after, _ in _strips(image, reduced):
        one, other = before, after
        if image.mode == "RGBA":
            if _alpha_shift(before, after) > MAX_ALPHA_SHIFT:
                return False
            one, other = _premultiplied(before), _premultiplied(after)
        noise = ImageStat.Stat(ImageChops.difference(one, other)).sum2
        squares = [total + more for total, more in zip(squares, noise, strict=True)]
        too_far_off += ImageStat.Stat(_too_far_off(one, other, quality)).sum[0]
    blocks = math.ceil(image.width / BLOCK) * math.ceil(image.height / BLOCK)
    return max(squares) <= most * image.width * image.height and too_far_off <= MAX_BANDING * blocks


def max_noise(quality: int) -> float:
    """The most noise at a quality, in levels of 255."""
    return MAX_NOISE - _NOISE_A_QUALITY_STEP * max(0, quality - _USUAL_QUALITY)


def max_shift(quality: int) -> int:
    """How far a block without any activity may be off at a quality, in levels of 255."""
    return round(MAX_SHIFT - _SHIFT_A_QUALITY_STEP * max(0, quality - _USUAL_QUALITY))


def _reduced(image: Image.Image, quality: int) -> Iterator[Image.Image]:
    """The fewest bytes first."""
    if image.mode == "L":
        yield _fewer_greys(image, quality)
    elif image.mode == "RGBA":
        yield image.quantize(COLOURS, method=Quantize.FASTOCTREE)
    else:
        plain = _in_colours(_sample(image).quantize(COLOURS, method=Quantize.FASTOCTREE), image)
        yield _dithered_where_off(image, plain, quality)
        yield image.quantize(palette=plain, dither=Dither.FLOYDSTEINBERG)


def _fewer_greys(image: Image.Image, quality: int) -> Image.Image:
    step = 2 * max_shift(quality) + 1
    return image.point([min(255, level // step * step + step // 2) for level in range(256)])


def _dithered_where_off(image: Image.Image, plain: Image.Image, quality: int) -> Image.Image:
    pattern = _pattern(image.width)
    for before, after, top in _strips(image, plain):
        off = _too_far_off(before, after, quality)
        if off.getbbox():
            lifted = ImageChops.add(before, pattern.crop((0, 0, *before.size)), 1, -_CELL // 2)
            dithered = lifted.quantize(palette=plain, dither=Dither.NONE)
            plain.paste(dithered, (0, top), _pixels_of(off, before.size))
    return plain


def _strips(image: Image.Image, reduced: Image.Image) -> Iterator[tuple[Image.Image, Image.Image, int]]:
    """The same rows of both in the mode of the first, and where they begin: some at a time, which a cache holds."""
    for top in range(0, image.height, _STRIP):
        box = (0, top, image.width, min(top + _STRIP, image.height))
        yield image.crop(box), reduced.crop(box).convert(image.mode), top


def _pattern(width: int) -> Image.Image:
    pattern, tile = Image.new("L", (width, _STRIP)), _tile()
    for left in range(0, width, _TILE):
        pattern.paste(tile, (left, 0))
    return Image.merge("RGB", [pattern] * 3)


@lru_cache(maxsize=1)
def _tile() -> Image.Image:
    side = len(_BAYER)
    rows = [bytes(row) * (_TILE // side) for row in _BAYER]
    return Image.frombytes("L", (_TILE, _STRIP), b"".join(rows * (_STRIP // side)))


def _sample(image: Image.Image) -> Image.Image:
    each = int((image.width * image.height / _OCTREE_PIXELS) ** 0.5)
    if each <= 1:
        return image
    size = (max(1, image.width // each), max(1, image.height // each))
    return image.resize(size, Resampling.NEAREST)


def _in_colours(palette: Image.Image, image: Image.Image) -> Image.Image:
    """The picture in a palette's colours; a palette that was made of the whole of it is that already."""
    return palette if palette.size == image.size else image.quantize(palette=palette, dither=Dither.NONE)


def _too_far_off(before: Image.Image, after: Image.Image, quality: int) -> Image.Image:
    """One pixel for each block: by how many levels its mean is further off than it may be."""
    mean = before.reduce(BLOCK)
    shift = reduce(ImageChops.lighter, ImageChops.difference(mean, after.reduce(BLOCK)).split())
    around = mean.resize((mean.width * BLOCK, mean.height * BLOCK), Resampling.NEAREST).crop((0, 0, *before.size))
    # The calmest band shows what the others hide.
    activity = reduce(ImageChops.darker, ImageChops.difference(before, around).reduce(BLOCK).split())
    return ImageChops.subtract(ImageChops.subtract(shift, activity), Image.new("L", mean.size, max_shift(quality)))


def _pixels_of(blocks: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A mask over all pixels of the blocks that are not zero."""
    marked = blocks.point([0] + 255 * [255])
    return marked.resize((blocks.width * BLOCK, blocks.height * BLOCK), Resampling.NEAREST).crop((0, 0, *size))


def _alpha_shift(before: Image.Image, after: Image.Image) -> int:
    _, largest = ImageChops.difference(before.getchannel("A"), after.getchannel("A")).getextrema()
    return int(largest)  # type: ignore[arg-type]  # one band gives two numbers


def _premultiplied(image: Image.Image) -> Image.Image:
    bands = image.split()
    alpha = bands[3]
    return Image.merge("RGBA", [*(ImageChops.multiply(band, alpha) for band in bands[:3]), alpha])
