"""The pixels of a PNG file, unpacked by ISA-L in a third of the time that zlib takes, which Pillow uses.

What Pillow gets is the same file with pixels that are not compressed: zlib hardly notices them then. All else, and
whatever is wrong with a file, is Pillow's to judge. Sources: RFC 1950 (the stream), RFC 1951 (blocks that are stored).
"""

import struct
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from isal import isal_zlib

from services.processor.codec.png_container import DATA_NAME, HEADER_NAME, Header, places

# What is unpacked is in memory beside what was made of it.
MAX_UNPACKED_BYTES: Final = 64 * 1024 * 1024
# The length of a chunk's body stands in front of its name.
_NAME_BYTES: Final = 8
_CHECKSUM_BYTES: Final = 4
# Pillow does not look at the checksum of this chunk, and to make it takes longer than to unpack some pictures.
_NO_CHECKSUM: Final = bytes(_CHECKSUM_BYTES)
_STREAM_BEGIN: Final = b"\x78\x01"
_BLOCK: Final = struct.Struct("<BHH")
_BLOCK_BYTES: Final = 0xFFFF


def unpacked(source: bytes) -> bytes:
    """Return the file with pixels that are not compressed.

    Raises `ValueError` for a file that is damaged, interlaced or larger than `MAX_UNPACKED_BYTES`.
    """
    chunks = list(places(source))
    name, body = chunks[0] if chunks else (b"", slice(0))
    header = Header.read(source[body] if name == HEADER_NAME else b"")
    data = [body for name, body in chunks if name == DATA_NAME]
    gaps = [after.start - before.stop for before, after in pairwise(data)]
    if not data or any(gap != _CHECKSUM_BYTES + _NAME_BYTES for gap in gaps):
        raise ValueError("the PNG file does not have its pixels in one place")
    parts = list(_stored(b"".join(source[body] for body in data), header.pixel_bytes))
    begin = struct.pack(">I4s", sum(map(len, parts)), DATA_NAME)
    head, tail = source[: data[0].start - _NAME_BYTES], source[data[-1].stop + _CHECKSUM_BYTES :]
    return b"".join((head, begin, *parts, _NO_CHECKSUM, tail))


def _stored(stream: bytes, wanted: int) -> Iterator[bytes | memoryview]:
    """The parts of a stream of the same bytes in blocks that are stored."""
    pixels = memoryview(_inflated(stream, wanted))
    yield _STREAM_BEGIN
    for begin in range(0, wanted, _BLOCK_BYTES):
        block = pixels[begin : begin + _BLOCK_BYTES]
        yield _BLOCK.pack(begin + len(block) == wanted, len(block), len(block) ^ _BLOCK_BYTES)
        yield block
    yield stream[-_CHECKSUM_BYTES:]


def _inflated(stream: bytes, wanted: int) -> bytes:
    if not 0 < wanted <= MAX_UNPACKED_BYTES:
        raise ValueError("the PNG file has too many pixels to be unpacked at once")
    inflating = isal_zlib.decompressobj()
    try:
        pixels: bytes = inflating.decompress(stream, wanted + 1)
    except isal_zlib.IsalError as error:  # type: ignore[misc]  # its stub says that the class is an instance
        raise ValueError("the PNG file is damaged") from error
    if len(pixels) != wanted or not inflating.eof or inflating.unused_data:
        raise ValueError("the PNG file has too few or too many pixels")
    return pixels
