"""The source's own picture in fewer bytes: the same pixels, packed better, without metadata."""

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Final

import mozjpeg_lossless_optimization as mozjpeg  # type: ignore[import-untyped]  # it has none
import oxipng

from services.processor.codec import png_container, webp_container
from services.processor.codec.job import SourceFormat
from services.processor.codec.png import repacked_png, thoroughly_repacked_png

# Above, packing a PNG anew takes too large a share of its deadline: its chunks are kept as they are.
MAX_REPACKED_PNG_PIXELS: Final = 8_000_000
_CLEARLY_SMALLER: Final = 0.95


def repacked(source: bytes, source_format: SourceFormat, *, pixels: int) -> bytes | None:
    """Return the picture repacked, or None when its format gives no way to do it."""
    is_large = source_format == "png" and pixels > MAX_REPACKED_PNG_PIXELS
    repack = png_container.without_metadata if is_large else _REPACKERS.get(source_format)
    try:
        return None if repack is None else repack(source)
    # The packers are stricter than the decoder; then the encoded picture stands.
    except (ValueError, KeyError, struct.error, zlib.error, oxipng.PngError):
        return None


def _jpeg(source: bytes) -> bytes:
    packed: bytes = mozjpeg.optimize(source, copy=mozjpeg.COPY_MARKERS.NONE)
    return packed


def _png(source: bytes) -> bytes:
    """In a short time if that makes it clearly smaller, else in a longer one, else with the source's own data."""
    packed = repacked_png(source)
    if len(packed) > _CLEARLY_SMALLER * len(source):
        packed = min(packed, thoroughly_repacked_png(source), key=len)
    return packed if len(packed) < len(source) else png_container.without_metadata(source)


_REPACKERS: Final[Mapping[SourceFormat, Callable[[bytes], bytes]]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": webp_container.without_metadata,
}
