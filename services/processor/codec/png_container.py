"""The chunks of a PNG file. Source: the W3C's PNG specification."""

import struct
from typing import Final

_SIGNATURE_BYTES: Final = 8
# Length and name before the body, a checksum behind it.
_AROUND_BODY: Final = 12
_PICTURE: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_END: Final = b"IEND"


def without_metadata(source: bytes) -> bytes:
    """Return a still PNG with the chunks of its picture alone, as they are. Raises `ValueError` when it has no end."""
    kept = [source[:_SIGNATURE_BYTES]]
    place = _SIGNATURE_BYTES
    while place + _AROUND_BODY <= len(source):
        length, name = struct.unpack_from(">I4s", source, place)
        if name in _PICTURE:
            kept.append(source[place : place + length + _AROUND_BODY])
        if name == _END:
            return b"".join(kept)
        place += length + _AROUND_BODY
    raise ValueError("the PNG file has no end")
