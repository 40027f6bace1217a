"""The pixels of a PNG file: unpacked by ISA-L, filters taken off by our own extension, in half of Pillow's time.

Pillow gets them as the decoder of a tile, the way in which it lets others decode. All else, and whatever is wrong with
a file, is Pillow's to judge.
"""

from itertools import pairwise
from typing import Any, Final

from isal import isal_zlib
from PIL import Image, ImageFile

from services.processor.codec.png_container import DATA_NAME, HEADER_NAME, Header, places

try:
    from services.processor.codec.png_filters import unfiltered
except ImportError:  # there was no compiler where this was installed
    unfiltered = None  # type: ignore[assignment]

# What is unpacked is in memory beside what was made of it.
MAX_UNPACKED_BYTES: Final = 64 * 1024 * 1024
# Length and name of the next chunk stand behind the checksum of the one before.
_BETWEEN_BODIES: Final = 12
_CODEC: Final = "unpacked_png"


class _Unpacked(ImageFile.PyDecoder):
    """Takes its rows from the tile instead of the file."""

    _pulls_fd = True

    def decode(self, buffer: Any) -> tuple[int, int]:  # noqa: ARG002 - as Pillow calls it: nothing comes in it
        rawmode, pixels = self.args
        self.set_as_raw(pixels, rawmode)
        return -1, 0


Image.register_decoder(_CODEC, _Unpacked)


def unpack(png: ImageFile.ImageFile, source: bytes) -> None:
    """Unpack the pixels of a PNG that was opened from these bytes, and is not loaded yet.

    Raises `ValueError`, and leaves it as it was, for a file that is damaged, interlaced or larger than
    `MAX_UNPACKED_BYTES`, for a part of a picture, and where the extension was not built.
    """
    if unfiltered is None:
        raise ValueError("the extension for the filters of PNG files is not built")
    (tile,) = png.tile
    if tile.extents != (0, 0, *png.size):
        raise ValueError("the PNG file has a first frame that is not all of the picture")
    png.tile = [tile._replace(codec_name=_CODEC, args=(tile.args, _pixels(source)))]


def _pixels(source: bytes) -> bytes:
    chunks = list(places(source))
    headers = [source[body] for name, body in chunks if name == HEADER_NAME]
    if len(headers) != 1:
        raise ValueError("the PNG file does not have one header")
    header = Header.read(headers[0])
    data = [body for name, body in chunks if name == DATA_NAME]
    if not data or any(after.start - before.stop != _BETWEEN_BODIES for before, after in pairwise(data)):
        raise ValueError("the PNG file does not have its pixels in one place")
    rows = _inflated(b"".join(source[body] for body in data), header.unpacked_bytes)
    return unfiltered(rows, header.row_bytes, header.pixel_bytes)


def _inflated(stream: bytes, wanted: int) -> bytes:
    if not 0 < wanted <= MAX_UNPACKED_BYTES:
        raise ValueError("the PNG file has too many pixels to be unpacked at once")
    inflating = isal_zlib.decompressobj()
    try:
        rows: bytes = inflating.decompress(stream, wanted + 1)
    except isal_zlib.IsalError as error:  # type: ignore[misc]  # its stub says that the class is an instance
        raise ValueError("the PNG file is damaged") from error
    if len(rows) != wanted or not inflating.eof or inflating.unused_data:
        raise ValueError("the PNG file has too few or too many pixels")
    return rows
