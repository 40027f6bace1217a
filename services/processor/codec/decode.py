"""From bytes to pixels: upright, in sRGB, eight bits, as `L`, `RGB` or `RGBA`, and without any metadata."""

import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

from PIL import (
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)
from PIL.Image import Transpose

from services.processor.codec.colour import eight_bit, without_needless_alpha
from services.processor.codec.job import MAX_SIDE, SourceFormat, Unusable
from services.processor.codec.out_of_memory import as_memory_error
from services.processor.codec.png_pixels import unpack
from services.processor.codec.srgb import is_srgb, to_srgb, usable_profile
from services.processor.codec.webp_pixels import plain_webp

# Named so that Pillow knows these decoders and no others; MPO is how phones store a JPEG with a preview behind it.
_DECODERS: Final = (JpegImagePlugin, PngImagePlugin, WebPImagePlugin, GifImagePlugin)
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
_SOURCE_FORMATS: Final = {"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png", "WEBP": "webp", "GIF": "gif"}
_HEAD_BYTES: Final = 12
_SIGNATURES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")

_ORIENTATION_TAG: Final = 0x0112
_UPRIGHT: Final = 1
# None of these says that a picture is damaged: memory ran out, or Pillow does not reach its own files.
_NO_DAMAGE: Final = (MemoryError, PermissionError, ImportError)
_TURNS: Final = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture ready to be encoded.

    `stored_size` is the size in the file. `indexed` is the same picture with its own palette, if it came with one.
    `is_as_stored` says that the file's pixels need no change: it may be repacked without decoding.
    """

    format: SourceFormat
    stored_size: tuple[int, int]
    image: Image.Image
    indexed: Image.Image | None
    is_as_stored: bool


def decode(source: BinaryIO, *, max_pixels: int) -> Decoded:
    """Decode the first frame. Raises `Unusable` (`unsupported_format`, `too_many_pixels`, `corrupt_image`)."""
    # Pillow refuses twice this number before it allocates, and warns from here on, which our own check replaces.
    Image.MAX_IMAGE_PIXELS = max(1, max_pixels // 2)
    try:
        with as_memory_error():
            return _prepared(_plain_webp(source, max_pixels) or _opened(source, max_pixels))
    except (Unusable, *_NO_DAMAGE):
        raise
    # A decoder that reads hostile bytes may raise anything; whatever it is, these bytes are the reason.
    except Exception as error:
        raise _corrupt() from error


def _plain_webp(source: BinaryIO, max_pixels: int) -> Image.Image | None:
    source.seek(0)
    head = source.read(_HEAD_BYTES)
    return plain_webp(head + source.read(), max_pixels=max_pixels) if _is_webp(head) else None


def _opened(source: BinaryIO, max_pixels: int) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            opened = Image.open(source, formats=_FORMATS)
    except UnidentifiedImageError as error:
        raise (_corrupt() if _looks_supported(source) else _unsupported()) from error
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(max_pixels) from error
    _check_size(opened.size, max_pixels)
    if opened.format == "PNG":
        _unpack(opened, source)
    return opened


def _unpack(png: ImageFile.ImageFile, source: BinaryIO) -> None:
    """Do a part of what loading the picture takes in less time, if the file is such that we can."""
    source.seek(0)
    with suppress(ValueError):
        unpack(png, source.read())


def _prepared(opened: Image.Image) -> Decoded:
    opened.load()
    profile = usable_profile(opened.info.get("icc_profile"))
    turn = _TURNS.get(_orientation(opened))
    is_one_picture = opened.format in {"JPEG", "MPO"} or not _is_animated(opened)
    keeps_colours = is_srgb(profile) and opened.mode != "CMYK"
    upright = opened if turn is None else opened.transpose(turn)
    indexed = _with_its_palette(upright) if opened.mode == "P" and keeps_colours else None
    image = without_needless_alpha(to_srgb(eight_bit(upright), profile))
    image.info = {}
    return Decoded(
        format=cast(SourceFormat, _SOURCE_FORMATS[opened.format or ""]),
        stored_size=opened.size,
        image=image,
        indexed=indexed,
        is_as_stored=turn is None and keeps_colours and is_one_picture,
    )


def _with_its_palette(image: Image.Image) -> Image.Image | None:
    """Nothing but indexes and the colours that they use, transparency among them; None if some have no colour."""
    plain = image.copy()
    plain.apply_transparency()
    plain.info = {}
    used = {index for index, pixels in enumerate(plain.histogram()) if pixels}
    mode = plain.palette.mode if plain.palette is not None else ""
    colours = plain.getpalette(mode) if mode in {"RGB", "RGBA"} else None
    if not colours or max(used) >= len(colours) // len(mode):
        return None
    # What no pixel has is black: it could be somebody's words.
    bands = len(mode)
    kept = [colours[at] if at // bands in used else 0 for at in range(bands * (max(used) + 1))]
    plain.putpalette(kept, mode)
    return plain


def _is_animated(image: Image.Image) -> bool:
    """It does not count the frames: a small GIF can have a million."""
    return getattr(image, "is_animated", False)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, _UPRIGHT))
    except _NO_DAMAGE:
        raise
    # Broken metadata is no reason to refuse a picture: viewers show it as it is stored.
    except Exception:
        return _UPRIGHT


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels or max(size) > MAX_SIDE:
        raise _too_many_pixels(max_pixels)


def _looks_supported(source: BinaryIO) -> bool:
    source.seek(0)
    head = source.read(_HEAD_BYTES)
    return head.startswith(_SIGNATURES) or _is_webp(head)


def _is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def _too_many_pixels(max_pixels: int) -> Unusable:
    limit = max_pixels / 1_000_000
    return Unusable(
        "too_many_pixels", f"The picture has more than {limit:g} million pixels, or a side above {MAX_SIDE} pixels."
    )


def _unsupported() -> Unusable:
    return Unusable("unsupported_format", "The file is not a JPEG, PNG, WebP or GIF picture, whatever it is called.")


def _corrupt() -> Unusable:
    return Unusable("corrupt_image", "The picture is damaged or incomplete and cannot be decoded.")
