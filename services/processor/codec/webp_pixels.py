"""The pixels of a still WebP file without metadata, from libwebp's decoder for such files.

Pillow has the decoder for animations make all of them, which fills and copies two canvases for each: a fifth of its
time. This calls the library that Pillow brings. All other files, and whatever is wrong with one, are Pillow's to judge.
Sources: Google's WebP Container Specification, WebP Lossless Bitstream Specification and `webp/decode.h`.
"""

import ctypes
import struct
from typing import Final

from PIL import Image, _webp

_RIFF_HEAD: Final = struct.Struct("<4xI4x")
_CHUNK_HEAD: Final = struct.Struct("<4sI")
_MOST_CHUNKS: Final = 3
_FLAGS_AT: Final = 20
_ONLY_ALPHA: Final = 0x10
# Behind the signature of a lossless stream stand two sizes of 14 bits, and this.
_LOSSLESS_HEAD: Final = struct.Struct("<21xI")
_LOSSLESS_ALPHA: Final = 1 << 28
_LEVELS: Final = 4


def plain_webp(source: bytes, *, max_pixels: int) -> Image.Image | None:
    """Decode a still picture without metadata to `RGB` or `RGBA`.

    None for all other files, for damaged ones and for more pixels than that, and where Pillow does not bring libwebp
    as a library of its own.
    """
    has_alpha = _has_alpha(source)
    if has_alpha is None or _LIBRARY is None:
        return None
    width, height = ctypes.c_int(), ctypes.c_int()
    if not _LIBRARY.WebPGetInfo(source, len(source), ctypes.byref(width), ctypes.byref(height)):
        return None
    if width.value * height.value > max_pixels:
        return None
    levels = _LIBRARY.WebPDecodeRGBA(source, len(source), ctypes.byref(width), ctypes.byref(height))
    if not levels:
        return None
    size = (width.value, height.value)
    try:
        pixels = (ctypes.c_char * (_LEVELS * size[0] * size[1])).from_address(levels)
        mode, rawmode = ("RGBA", "RGBA") if has_alpha else ("RGB", "RGBX")
        image = Image.frombytes(mode, size, pixels, "raw", rawmode)  # type: ignore[arg-type]  # it takes any buffer
    finally:
        _LIBRARY.WebPFree(levels)
    image.format = "WEBP"
    return image


def _has_alpha(source: bytes) -> bool | None:
    """None for what is not a still picture without metadata, in a file that is whole."""
    match _chunk_names(source):
        case [b"VP8 "]:
            return False
        case [b"VP8L"] if len(source) >= _LOSSLESS_HEAD.size:
            (head,) = _LOSSLESS_HEAD.unpack_from(source)
            return bool(head & _LOSSLESS_ALPHA)
        case [b"VP8X", b"ALPH", b"VP8 "] if source[_FLAGS_AT] == _ONLY_ALPHA:
            return True
    return None


def _chunk_names(source: bytes) -> list[bytes]:
    """Nothing for a file that does not end where its last chunk does, and for more chunks than a picture needs."""
    names: list[bytes] = []
    place = _RIFF_HEAD.size
    while place + _CHUNK_HEAD.size <= len(source) and len(names) < _MOST_CHUNKS:
        name, size = _CHUNK_HEAD.unpack_from(source, place)
        names.append(name)
        place += _CHUNK_HEAD.size + size + size % 2
    is_whole = place == len(source) and place == _RIFF_HEAD.unpack_from(source)[0] + _CHUNK_HEAD.size
    return names if is_whole else []


def _library() -> ctypes.CDLL | None:
    """The library that Pillow's own module is linked to; None if it is a part of that module."""
    library = ctypes.CDLL(_webp.__file__)
    try:
        sizes = (ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
        for function in (library.WebPGetInfo, library.WebPDecodeRGBA):
            function.argtypes = (ctypes.c_char_p, ctypes.c_size_t, *sizes)
        library.WebPDecodeRGBA.restype = ctypes.c_void_p
        library.WebPFree.argtypes = (ctypes.c_void_p,)
    except AttributeError:
        return None
    return library


_LIBRARY: Final = _library()
