"""The chunks of a WebP file. Source: Google's WebP Container Specification."""

import io
import struct
from collections.abc import Iterator, Mapping
from typing import Final

from PIL import Image

_HEADER_BYTES: Final = 12
_CHUNK_HEAD_BYTES: Final = 8
_PICTURE: Final = frozenset({b"VP8 ", b"VP8L", b"ALPH"})
_PIXELS: Final = frozenset({b"VP8 ", b"VP8L"})
_EXTENDED: Final = b"VP8X"
_ALPHA_FLAG: Final = 0x10
# A decoder reads a little ahead of what it needs, and an encoder fills up its last bytes.
_NEEDLESS_BYTES: Final = 8


def without_metadata(source: bytes) -> bytes:
    """Return a still WebP with the chunks of its picture alone.

    Raises `ValueError` when there is no picture, more than one, or something behind the picture in its own chunk.
    """
    found = list(_chunks(source))
    chunks = dict(found)
    picture = {name: body for name, body in chunks.items() if name in _PICTURE}
    if sum(name in _PICTURE for name, _ in found) > len(picture) or len(picture.keys() & _PIXELS) != 1:
        raise ValueError("not one still picture in this WebP file")
    if b"ALPH" in picture:
        extended = chunks[_EXTENDED]
        picture = {_EXTENDED: bytes([_ALPHA_FLAG, 0, 0, 0]) + extended[4:10]} | picture
    for name in picture.keys() - {_EXTENDED}:
        if _is_whole(_file(picture | {name: picture[name][:-_NEEDLESS_BYTES]})):
            raise ValueError("the WebP file hides something behind its pixels")
    return _file(picture)


def _is_whole(file: bytes) -> bool:
    """Say whether it can be decoded."""
    try:
        with Image.open(io.BytesIO(file), formats=["WEBP"]) as image:
            image.load()
    except (OSError, ValueError, SyntaxError):
        return False
    return True


def _file(chunks: Mapping[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(_packed(name, content) for name, content in chunks.items())
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
