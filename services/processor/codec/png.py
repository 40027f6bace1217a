"""PNG files, packed by oxipng: half the time of zlib for the same bytes, or fewer bytes for the same time."""

from typing import Any, BinaryIO, Final

import oxipng
from PIL import Image

# An index says nothing about the next one; what is left of a picture in all its colours is smooth.
_FILTER_OF_INDEXES: Final = oxipng.RowFilter.NoOp
_FILTER_OF_COLOURS: Final = oxipng.RowFilter.Paeth
_BOTH_FILTERS: Final = [_FILTER_OF_INDEXES, _FILTER_OF_COLOURS]
_INDEX_LEVEL: Final = 6
_COLOUR_LEVEL: Final = 8
_EIGHT_BIT: Final = 8
_FEW_COLOURS: Final = 256
_FEW_GREYS: Final = 16
# Bit depth and colour type, as they stand in the header of a PNG file.
_KIND: Final = slice(24, 26)
_KINDS: Final = {"L": bytes((8, 0)), "RGB": bytes((8, 2)), "RGBA": bytes((8, 6))}
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
    return image.getcolors(_FEW_GREYS if image.mode == "L" else _FEW_COLOURS) is not None


def is_stored_as(source: bytes, mode: str) -> bool:
    """Say whether a PNG file holds `L`, `RGB` or `RGBA` in eight bits, and no more than that."""
    return source[_KIND] == _KINDS.get(mode)


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
    raw = oxipng.RawImage(
        image.tobytes(), image.width, image.height, color_type=_colour_type(image), bit_depth=_EIGHT_BIT
    )
    return raw.create_optimized_png(**options)


def _colour_type(image: Image.Image) -> oxipng.ColorType:
    if image.mode == "P":
        levels = image.getpalette("RGBA") or []
        return oxipng.ColorType.indexed([tuple(levels[at : at + 4]) for at in range(0, len(levels), 4)])
    return {
        "L": oxipng.ColorType.grayscale(),
        "RGB": oxipng.ColorType.rgb(),
        "RGBA": oxipng.ColorType.rgba(),
    }[image.mode]


def _options(filters: list[oxipng.RowFilter], level: int) -> dict[str, Any]:
    return {
        "level": 0,
        "filter": filters,
        "deflate": oxipng.Deflaters.libdeflater(level),
        "strip": oxipng.StripChunks.all(),
    }
