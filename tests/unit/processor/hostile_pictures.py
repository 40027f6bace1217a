"""Pictures that mean harm, made by code."""

import struct
import zlib
from collections.abc import Iterable, Iterator

from PIL import Image

from tests.unit.processor.pictures import encoded, photo, slow_jpeg

SECRET = b"SECRET PLACE"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
Chunk = tuple[bytes, bytes]
END: Chunk = (b"IEND", b"")


def png_of(chunks: Iterable[Chunk]) -> bytes:
    """A PNG of these chunks, each with a right checksum."""
    packed = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return PNG_SIGNATURE + b"".join(packed)


def png_chunks(data: bytes) -> Iterator[Chunk]:
    place = len(PNG_SIGNATURE)
    while place < len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        yield name, data[place + 8 : place + 8 + length]
        place += length + 12


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and has nothing to show for it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return png_of([(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100))])


def png_bomb(width: int, height: int) -> bytes:
    """A whole PNG, small as a file, of one bit for each pixel, all of the same colour."""
    row = b"\0" * (1 + (width + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return png_of([(b"IHDR", header), (b"IDAT", data), END])


def small_png(*extra: Chunk, data: bytes = b"", end: bytes = b"") -> bytes:
    """A one-bit PNG that no encoder makes smaller, with chunks before its pixels and bytes behind them."""
    header, *pixels = [chunk for chunk in png_chunks(hard_to_beat_png()) if chunk[0] in {b"IHDR", b"IDAT"}]
    packed = b"".join(body for _, body in pixels)
    return png_of([header, *extra, (b"IDAT", packed + data), (b"IEND", end)])


def hard_to_beat_png() -> bytes:
    return encoded(photo().convert("1"), "PNG", compress_level=9)


def webp_of(chunks: Iterable[Chunk]) -> bytes:
    packed = (name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2) for name, body in chunks)
    body = b"WEBP" + b"".join(packed)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_pixels(image: Image.Image | None = None) -> bytes:
    """The body of the one chunk of a small lossy WebP."""
    return encoded(image or photo(), "WEBP", quality=12, method=6)[20:]


def webp_canvas(width: int, height: int, flags: int = 0) -> Chunk:
    return b"VP8X", struct.pack("<I", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg_with(segment: bytes) -> bytes:
    """A JPEG that no encoder makes smaller, with a segment behind its begin."""
    data = encoded(photo(), "JPEG", quality=12)
    return data[:2] + segment + data[2:]


def gif_with_frames(count: int) -> bytes:
    """A GIF with so many frames of one pixel behind its first one."""
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x4c\x01\x00"
    return encoded(photo().quantize(16), "GIF")[:-1] + frame * count + b";"


def deflated_bomb() -> bytes:
    """Two hundred million letters in two hundred thousand bytes."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(b"a" * 1_000_000) for _ in range(200)) + packer.flush()


def coefficients_out_of_range() -> bytes:
    """A progressive JPEG that can be decoded, and at which the library that packs JPEGs ends its process."""
    data = bytearray(encoded(photo((64, 48)), "JPEG", quality=12, progressive=True))
    scans = [place for place in range(len(data)) if data[place : place + 2] == b"\xff\xda"]
    # The last symbol of a Huffman table.
    data[scans[4] - 1] = 0x7F
    return bytes(data)


def a_handful() -> dict[str, bytes]:
    """One for each kind of harm that is known, by name."""
    bomb = deflated_bomb()
    jpeg = encoded(photo(), "JPEG", quality=95)
    return {
        "169 Mpx": png_bomb(13_000, 13_000),
        "196 Mpx": png_bomb(14_000, 14_000),
        "canvas of 268 Mpx": webp_of([webp_canvas(16_384, 16_384), (b"VP8 ", webp_pixels())]),
        "400 scans": slow_jpeg(size=1500, scans=3000),
        "text bomb": small_png((b"zTXt", b"Comment\0\0" + bomb)),
        "profile bomb": small_png((b"iCCP", b"icc\0\0" + bomb)),
        "pixel bomb": small_png(data=bomb),
        "frames without end": gif_with_frames(20_000),
        "page": b"<html><body>Please enable JavaScript.</body></html>",
        "vector": b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
        "half": jpeg[: len(jpeg) // 2],
        "comments without end": jpeg_with(jpeg_segment(0xFE, b"") * 3_000),
        "restarts without end": jpeg[:-2] + b"\xff\xd0\xff\xd1" * 3_000 + jpeg[-2:],
        "strange coefficients": coefficients_out_of_range(),
        "nothing": b"\0",
    }
