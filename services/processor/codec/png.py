"""PNG files, packed by oxipng: half the time of zlib for the same bytes, or fewer bytes for the same time."""

from functools import reduce
from typing import Any, BinaryIO, Final

import oxipng
from PIL import Image, ImageChops
from PIL.Image import Resampling

from services.processor.codec.png_container import uncompressed

# An index says nothing about the next one; what is left of a picture in all its colours is smooth.
_FILTER_OF_INDEXES: Final = oxipng.RowFilter.NoOp
_FILTER_OF_COLOURS: Final = oxipng.RowFilter.Paeth
_BOTH_FILTERS: Final = [_FILTER_OF_INDEXES, _FILTER_OF_COLOURS]
_INDEX_LEVEL: Final = 6
_COLOUR_LEVEL: Final = 8
_EIGHT_BIT: Final = 8
_FEW_COLOURS: Final = 256
_FEW_GREYS: Final = 16
# One pixel of so many in each direction tells of most pictures that they have more colours.
_SAMPLE_OF: Final = 8
# Bit depth and colour type, as they stand in the header of a PNG file.
_KIND: Final = slice(24, 26)
_COLOUR_TYPES: Final = {"L": 0, "RGB": 2, "P": 3, "RGBA": 6}
_THOROUGH: Final = 1
# Another order of the palette, or one instead of greys: twice the time for hardly a byte.
_AS_IT_IS: Final = {"palette_reduction": False, "color_type_reduction": False, "grayscale_reduction": False}


def write_png(image: Image.Image, out: BinaryIO, *, may_pack: bool) -> None:
    """Write `L`, `RGB`, `RGBA` or `P` without loss. Without the packer Pillow writes it."""
    if may_pack:
        out.write(_packed(image))
    else:
        image.save(out, "PNG")


def has_few_colours(image: Image.Image) -> bool:
    """Say whether fewer bits than usual hold each pixel of `L`, `RGB` or `RGBA` without loss."""
    if image.mode == "L":
        return image.getcolors(_FEW_GREYS) is not None
    each = min(_SAMPLE_OF, *image.size)
    sample = image.resize((image.width // each, image.height // each), Resampling.NEAREST)
    return all(_with_all_bands_in_the_first(part).getcolors(_FEW_COLOURS) is not None for part in (sample, image))


def _with_all_bands_in_the_first(image: Image.Image) -> Image.Image:
    """As many colours, which are told apart by their first band: that is where Pillow looks first.

    Those of a drawing often differ in another one alone, in alpha for example. Pillow takes 20 times as long for them.
    """
    bands = image.split()
    return Image.merge(image.mode, [reduce(ImageChops.add_modulo, bands), *bands[1:]])


def is_stored_as(source: bytes, mode: str) -> bool:
    """Say whether a PNG file holds `L`, `RGB` or `RGBA` in eight bits, and no more than that."""
    return source[_KIND] == bytes((_EIGHT_BIT, _COLOUR_TYPES[mode]))


def repacked_png(source: bytes) -> bytes:
    """The same picture without metadata. Raises `oxipng.PngError` for files that the packer does not take."""
    # Forced, or it would hand back data that it cannot make smaller, with whatever hides behind the pixels.
    return oxipng.optimize_from_memory(source, force=True, **_options(_BOTH_FILTERS, _COLOUR_LEVEL))


def thoroughly_repacked_png(source: bytes) -> bytes:
    """As `repacked_png`, in three times the time: for files that somebody has packed well."""
    return oxipng.optimize_from_memory(source, force=True, level=_THOROUGH, strip=oxipng.StripChunks.all())


def _packed(image: Image.Image) -> bytes:
    options = _options([_FILTER_OF_COLOURS], _COLOUR_LEVEL) | _AS_IT_IS
    if image.mode == "P":
        options = _options([_FILTER_OF_INDEXES], _INDEX_LEVEL) | _AS_IT_IS
    elif has_few_colours(image):
        options = _options([_FILTER_OF_INDEXES], _COLOUR_LEVEL)
    # Forced, as above. Raw pixels take the packer as long to receive as to pack.
    return oxipng.optimize_from_memory(_uncompressed(image), force=True, **options)


def _uncompressed(image: Image.Image) -> bytes:
    is_indexed = image.mode == "P"
    palette = bytes(image.getpalette("RGB") or b"") if is_indexed else b""
    alpha = bytes(image.getpalette("RGBA") or b"")[3::4] if is_indexed else b""
    return uncompressed(image.size, _COLOUR_TYPES[image.mode], image.tobytes(), palette, alpha)


def _options(filters: list[oxipng.RowFilter], level: int) -> dict[str, Any]:
    return {
        "level": 0,
        "filter": filters,
        "deflate": oxipng.Deflaters.libdeflater(level),
        "strip": oxipng.StripChunks.all(),
    }
