"""The chunks of a WebP file. Source: Google's WebP Container Specification."""

import struct
from collections.abc import Iterator
from typing import Final

_HEADER_BYTES: Final = 12
_CHUNK_HEAD_BYTES: Final = 8
_PICTURE: Final = frozenset({b"VP8 ", b"VP8L", b"ALPH"})
_EXTENDED: Final = b"VP8X"
_ALPHA_FLAG: Final = 0x10


def without_metadata(source: bytes) -> bytes:
    """Return a still WebP with the chunks of its picture alone. Raises `ValueError` when there is no picture."""
    chunks = dict(_chunks(source))
    picture = {name: body for name, body in chunks.items() if name in _PICTURE}
    if not picture.keys() & {b"VP8 ", b"VP8L"}:
        raise ValueError("no still picture in this WebP file")
    if b"ALPH" in picture:
        extended = chunks[_EXTENDED]
        picture = {_EXTENDED: bytes([_ALPHA_FLAG, 0, 0, 0]) + extended[4:10]} | picture
    body = b"WEBP" + b"".join(_packed(name, content) for name, content in picture.items())
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunks(source: bytes) -> Iterator[tuple[bytes, bytes]]:
    end = min(len(source), _CHUNK_HEAD_BYTES + struct.unpack_from("<I", source, 4)[0])
    place = _HEADER_BYTES
    while place + _CHUNK_HEAD_BYTES <= end:
        name, size = struct.unpack_from("<4sI", source, place)
        place += _CHUNK_HEAD_BYTES
        yield name, source[place : place + size]
        place += size + size % 2


def _packed(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
