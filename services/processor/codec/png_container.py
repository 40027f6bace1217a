"""The chunks of a PNG file. Source: the W3C's PNG specification."""

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
# Length and name before the body, a checksum behind it.
_AROUND_BODY: Final = 12
_HEADER: Final = struct.Struct(">IIBBBBB")
HEADER_NAME: Final = b"IHDR"
_PALETTE_NAME: Final = b"PLTE"
_TRANSPARENCY_NAME: Final = b"tRNS"
DATA_NAME: Final = b"IDAT"
_END_NAME: Final = b"IEND"
_INDEXED: Final = 3
_CHANNELS: Final[Mapping[int, int]] = {0: 1, 2: 3, _INDEXED: 1, 4: 2, 6: 4}
_TRANSPARENCY_BYTES: Final[Mapping[int, int]] = {0: 2, 2: 6}
_COLOUR_BYTES: Final = 3
_INFLATED_AT_ONCE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Header:
    """What the first chunk says.

    `row_bytes`: of a row that is unpacked, with the byte that names its filter. `pixel_bytes`: from a byte to the one
    that its filter may look at.
    """

    body: bytes
    height: int
    row_bytes: int
    pixel_bytes: int
    colour_type: int

    @property
    def unpacked_bytes(self) -> int:
        """Of all rows."""
        return self.height * self.row_bytes

    @classmethod
    def read(cls, body: bytes) -> "Header":
        """Raises `ValueError` for what is no header, and for interlaced pictures."""
        if len(body) != _HEADER.size:
            raise ValueError("the PNG file has no header")
        width, height, depth, colour_type, _, _, interlacing = _HEADER.unpack(body)
        if interlacing or colour_type not in _CHANNELS:
            raise ValueError("the PNG file is interlaced, or of a kind that does not exist")
        pixel_bits = depth * _CHANNELS[colour_type]
        return cls(body, height, 1 + (width * pixel_bits + 7) // 8, max(1, pixel_bits // 8), colour_type)


def without_metadata(source: bytes) -> bytes:
    """Return a still PNG with the chunks of its picture alone, as they are.

    Raises `ValueError` for a PNG with anything else in these chunks, and for kinds of PNG that are seldom.
    """
    chunks = list(_chunks(source))
    header = Header.read(_only(chunks, HEADER_NAME) or b"")
    data = [body for name, body in chunks if name == DATA_NAME]
    if not _are_pixels(data, header.unpacked_bytes):
        raise ValueError("the PNG file hides something behind its pixels")
    return _file([(HEADER_NAME, header.body), *_colours(chunks, header), *((DATA_NAME, body) for body in data)])


def uncompressed(size: tuple[int, int], kind: int, rows: bytes, palette: bytes = b"", alpha: bytes = b"") -> bytes:
    """Return a PNG of rows in eight bits without filters, for a packer. `kind` is the colour type of the header.

    `alpha` is that of the colours of the palette.
    """
    width, height = size
    row_bytes = len(rows) // height
    stream = zlib.compress(b"".join(b"\0" + rows[at : at + row_bytes] for at in range(0, len(rows), row_bytes)), 0)
    colours = [(name, body) for name, body in ((_PALETTE_NAME, palette), (_TRANSPARENCY_NAME, alpha)) if body]
    return _file([(HEADER_NAME, _HEADER.pack(width, height, 8, kind, 0, 0, 0)), *colours, (DATA_NAME, stream)])


_Chunk = tuple[bytes, bytes]


def places(source: bytes) -> Iterator[tuple[bytes, slice]]:
    """Each chunk in front of the last one: its name, and where its body is. Raises `ValueError` if there is no last."""
    place = len(_SIGNATURE)
    while place + _AROUND_BODY <= len(source):
        length, name = struct.unpack_from(">I4s", source, place)
        if name == _END_NAME:
            return
        yield name, slice(place + 8, place + 8 + length)
        place += length + _AROUND_BODY
    raise ValueError("the PNG file has no end")


def _chunks(source: bytes) -> Iterator[_Chunk]:
    return ((name, source[body]) for name, body in places(source))


def _only(chunks: Sequence[_Chunk], wanted: bytes) -> bytes | None:
    bodies = [body for name, body in chunks if name == wanted]
    if len(bodies) > 1:
        raise ValueError("the PNG file has a chunk twice")
    return bodies[0] if bodies else None


def _colours(chunks: Sequence[_Chunk], header: Header) -> Iterator[_Chunk]:
    """The palette and what is transparent, as long as they say that and no more."""
    palette, transparency = _only(chunks, _PALETTE_NAME), _only(chunks, _TRANSPARENCY_NAME)
    colours = 0
    if header.colour_type == _INDEXED and palette is not None:
        colours = len(palette) // _COLOUR_BYTES
        if colours > 2 ** header.body[8] or len(palette) % _COLOUR_BYTES:
            raise ValueError("the PNG file has a palette of a wrong size")
        yield _PALETTE_NAME, palette
    if transparency is not None:
        if len(transparency) > _TRANSPARENCY_BYTES.get(header.colour_type, colours):
            raise ValueError("the PNG file has transparency of a wrong size")
        yield _TRANSPARENCY_NAME, transparency


def _are_pixels(data: Sequence[bytes], wanted: int) -> bool:
    """Say whether the data are one stream of exactly so many bytes and nothing behind it."""
    inflating = zlib.decompressobj()
    found = 0
    for body in data:
        rest = body
        while rest and not inflating.eof and found <= wanted:
            found += len(inflating.decompress(rest, _INFLATED_AT_ONCE))
            rest = inflating.unconsumed_tail
        if inflating.unused_data or (rest and inflating.eof):
            return False
    return inflating.eof and found == wanted


def _file(chunks: Iterable[_Chunk]) -> bytes:
    return _SIGNATURE + b"".join(_packed(name, body) for name, body in [*chunks, (_END_NAME, b"")])


def _packed(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
