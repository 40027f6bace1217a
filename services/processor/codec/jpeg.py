"""JPEG files: baseline, with Huffman codes of their own where that pays, flat tables where the usual ones would ruin.

A quality is a scale of a table that spares what the eye sees least. In a picture that is nearly all noise, or nearly
all colour, that is most of the picture: it gets a flat table, which spares nothing.
"""

import io
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

from PIL import Image

from services.processor.codec.colour import on_white
from services.processor.codec.fidelity import TILE, TRUE_COLOUR_QUALITY, Sample, sample
from services.processor.codec.quantisation import flat_tables, tables

try:
    from services.processor.codec.huffman_codes import recoded

    _recoded: Callable[[bytes, int], bytes | None] | None = recoded
except ImportError:  # there was no compiler where this was installed
    _recoded = None

MAX_QUALITY: Final = 95
# Pillow's numbers for colour in every pixel (4:4:4) and in every second one of every second line (4:2:0).
_WHOLE_COLOUR: Final = 0
_HALF_COLOUR: Final = 2
_FLAT_STEPS: Final = range(1, 128)
# What a flat table loses is the same everywhere, so a sample tells more of it.
_FLAT_MARGIN_DB: Final = 0.4
_CLEARLY_LESS: Final = 0.9
# Where blocks are nearly empty, the codes of Annex K of ITU T.81 take up to twice the bytes of a picture's own. Where
# they are full, those are nearly as good, and to count the symbols takes half the time of encoding.
_BLOCK_PIXELS: Final = 64
_SPARSE_BITS: Final = 30
_CLEARLY_FEWER: Final = 0.9
# The tables themselves count here, and time does not.
_SMALL_PIXELS: Final = 512 * 512
# Where to judge full blocks takes no time beside encoding them.
_LARGE_PIXELS: Final = 2048 * 2048
_PIECES: Final = 8
_PIECE_WIDTH: Final = 128
# Neighbouring pieces are this many columns apart; the number has no factor in common with that of the pieces.
_COLUMNS_ON: Final = 3
_START_OF_SCAN: Final = b"\xff\xda"

_Options = dict[str, Any]
"""What Pillow calls the tables and the resolution of colour."""


def write_jpeg(image: Image.Image, out: BinaryIO, *, quality: int, has_floor: bool, is_thorough: bool) -> None:
    """Alpha is laid on white. Colour has half the resolution.

    A picture with a floor that this would harm visibly gets what harms it less; see `fidelity`. `is_thorough` asks for
    the fewest bytes.
    """
    ground = on_white(image)
    usual = _usual(quality, _HALF_COLOUR)
    options = _faithful(ground, quality) if has_floor else usual
    ground.save(out, "JPEG", **options)
    size = out.seek(0, io.SEEK_END)
    # The usual codes are for the usual tables.
    if is_thorough or options != usual or _deserves_codes_of_its_own(ground, size, options):
        out.seek(0)
        own = _with_codes_of_its_own(out.read(), ground, options)
        if own is not None:
            out.seek(0)
            out.truncate()
            out.write(own)


def _with_codes_of_its_own(usual: bytes, image: Image.Image, options: _Options) -> bytes | None:
    """The same file with the best Huffman codes for it; None if it is not smaller."""
    most = len(usual) - 1
    if _recoded is not None:
        return _recoded(usual, most)
    try:
        own = _as_jpeg(image, options | {"optimize": True}).getvalue()
    except OSError:
        # Pillow reserves two bytes for each pixel, and optimising cannot stop to ask for more: noise may take three.
        return None
    return own if len(own) <= most else None


def _deserves_codes_of_its_own(image: Image.Image, size: int, options: _Options) -> bool:
    """Whether the usual Huffman codes, with which it has this size, take clearly more bytes."""
    pixels = image.width * image.height
    if pixels <= _SMALL_PIXELS or 8 * size < _SPARSE_BITS * pixels / _BLOCK_PIXELS:
        return True
    return pixels >= _LARGE_PIXELS and _has_pieces_that_deserve_them(image, options)


def _has_pieces_that_deserve_them(image: Image.Image, options: _Options) -> bool:
    """The same, judged by pieces from all over the picture."""
    pieces = _pieces(image)
    try:
        usual, own = (_scan_bytes(_as_jpeg(pieces, options | {"optimize": is_own})) for is_own in (False, True))
    except OSError:
        return False
    return own < _CLEARLY_FEWER * usual


def _pieces(image: Image.Image) -> Image.Image:
    """Pieces of rows of blocks, one below the other: each from a row and a column of its own, all over the picture."""
    width = min(image.width, _PIECE_WIDTH)
    pieces = Image.new(image.mode, (width, TILE * _PIECES))
    for row in range(_PIECES):
        column = row * _COLUMNS_ON % _PIECES
        left, top = (
            TILE * (place * max(0, length - taken) // (TILE * (_PIECES - 1)))
            for place, length, taken in ((column, image.width, width), (row, image.height, TILE))
        )
        pieces.paste(image.crop((left, top, left + width, top + TILE)), (0, TILE * row))
    return pieces


def _scan_bytes(file: io.BytesIO) -> int:
    data = file.getvalue()
    return len(data) - data.rindex(_START_OF_SCAN)


def _faithful(image: Image.Image, quality: int) -> _Options:
    look = sample(image)
    usual = _usual(quality, _HALF_COLOUR)
    if look.is_faithful(_after(look, usual), quality=quality):
        return usual
    return _finer(look, quality) if quality >= TRUE_COLOUR_QUALITY else _flattest(look, quality)


def _finer(look: Sample, quality: int) -> _Options:
    """The next better setting in which colours are true."""
    for options in _rungs(quality):
        if look.is_faithful(_after(look, options), quality=quality):
            return options
    return _usual(MAX_QUALITY, _WHOLE_COLOUR)


def _rungs(quality: int) -> Iterator[_Options]:
    for rung in range(quality, MAX_QUALITY + 1):
        yield _usual(rung, _HALF_COLOUR)
        yield _usual(rung, _WHOLE_COLOUR)


def _flattest(look: Sample, quality: int) -> _Options:
    """The coarsest flat tables that keep the floor, with whole colour where half of it would cost clearly more."""
    half, whole = (_flat(_coarsest_step(look, quality, colour), colour) for colour in (_HALF_COLOUR, _WHOLE_COLOUR))
    half_bytes, whole_bytes = (_as_jpeg(look.tiles, options).getbuffer().nbytes for options in (half, whole))
    return whole if whole_bytes < _CLEARLY_LESS * half_bytes else half


def _coarsest_step(look: Sample, quality: int, colour: int) -> int:
    def is_too_coarse(step: int) -> bool:
        after = _after(look, _flat(step, colour))
        return not look.is_faithful(after, quality=quality, margin_db=_FLAT_MARGIN_DB)

    return _FLAT_STEPS[max(0, bisect_left(_FLAT_STEPS, x=True, key=is_too_coarse) - 1)]


def _usual(quality: int, colour: int) -> _Options:
    return {"qtables": tables(quality), "subsampling": colour}


def _flat(step: int, colour: int) -> _Options:
    return {"qtables": flat_tables(step), "subsampling": colour}


def _after(look: Sample, options: _Options) -> Image.Image:
    return Image.open(_as_jpeg(look.tiles, options), formats=("JPEG",))


def _as_jpeg(tiles: Image.Image, options: _Options) -> io.BytesIO:
    buffer = io.BytesIO()
    tiles.save(buffer, "JPEG", **options)
    return buffer
