"""What a codec process does with one picture: decode once, make every rendition, keep the smallest."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from io import BufferedRandom
from typing import Final

from PIL import Image

from services.processor.codec.decode import Decoded, decode
from services.processor.codec.encode import Manner, write
from services.processor.codec.fidelity import TRUE_COLOUR_QUALITY
from services.processor.codec.fit import fitted
from services.processor.codec.job import (
    Compressed,
    Format,
    Job,
    Made,
    Note,
    Order,
    Refused,
    SourceFormat,
    SourcePicture,
    Unusable,
)
from services.processor.codec.memory_file import opened
from services.processor.codec.out_of_memory import as_memory_error
from services.processor.codec.palette import as_palette
from services.processor.codec.png import is_stored_as
from services.processor.codec.repack import repacked

_HEAD_BYTES: Final = 32

# A GIF becomes a PNG of its first frame: lossless, with its palette, and readable everywhere.
_KEPT: Final[dict[SourceFormat, Format]] = {"jpeg": "jpeg", "png": "png", "webp": "webp", "gif": "png"}


def compress(job: Job, *, decoder: Callable[..., Decoded] = decode) -> Compressed | Refused:
    """Read the job's source, fill its outputs, and say what is in them; the same job gives the same bytes."""
    try:
        with opened(job.source) as source:
            decoded = decoder(source, max_pixels=job.max_pixels)
            facts = _source_facts(source, decoded)
            results = [_make(source, decoded, facts, order=order, may_repack=job.may_repack) for order in job.orders]
    except Unusable as unusable:
        return Refused(unusable.code, unusable.message)
    except MemoryError:
        return Refused("codec_memory", "The picture needs more memory than one picture may take.")
    notes = [note for _, note in results if note is not None]
    note: Note | None = "not_smaller" if "not_smaller" in notes else notes[0] if notes else None
    return Compressed(facts, tuple(made for made, _ in results), note)


def _make(
    source: BufferedRandom, decoded: Decoded, facts: SourcePicture, *, order: Order, may_repack: bool
) -> tuple[Made, Note | None]:
    target: Format = _KEPT[decoded.format] if order.format == "keep" else order.format
    image = fitted(decoded.image, order)
    is_whole = image is decoded.image
    may_keep = may_repack and is_whole and decoded.is_as_stored and target == decoded.format
    note: Note | None = None
    with opened(order.output) as out:
        shown = _in_few_colours(decoded, image, order.quality) if target == "png" else image
        is_lossless = target == "png" and shown is image
        if may_keep and is_lossless and is_stored_as(_head(source), image.mode):
            # The same pixels in another packing; nothing else could come of an encoder.
            note = _keep_original(source, out, facts)
        if note is None:
            manner = Manner(has_floor=_has_floor(order), may_pack=may_repack)
            encode = partial(_encode, shown, out, target=target, quality=order.quality)
            encode(manner)
            if _length(out) >= facts.bytes and target == decoded.format:
                note = _made_smaller(source, out, facts, encode=encode, manner=manner, may_keep=may_keep)
        size = _length(out)
        sha256 = _sha256(out)
    made = Made(format=target, width=image.width, height=image.height, bytes=size, sha256=sha256)
    return made, "not_smaller" if size >= facts.bytes else note


def _made_smaller(
    source: BufferedRandom,
    out: BufferedRandom,
    facts: SourcePicture,
    *,
    encode: Callable[[Manner], None],
    manner: Manner,
    may_keep: bool,
) -> Note | None:
    """No larger than a source of the same format comes before time, and before the floor."""
    is_jpeg = facts.format == "jpeg"
    if is_jpeg:
        encode(replace(manner, is_thorough=True))
    if _length(out) < facts.bytes:
        return None
    note = _keep_original(source, out, facts) if may_keep else None
    if is_jpeg and note is None:
        encode(replace(manner, is_thorough=True, has_floor=False))
    return note


def _has_floor(order: Order) -> bool:
    """Who names a format gets what its encoder makes of the quality; true colours are for all who ask for them."""
    return order.format == "keep" or order.quality >= TRUE_COLOUR_QUALITY


def _in_few_colours(decoded: Decoded, image: Image.Image, quality: int) -> Image.Image:
    """The picture with the palette that it came with, else with one that looks the same, else as it is."""
    if decoded.indexed is not None and image is decoded.image:
        return decoded.indexed
    with as_memory_error():
        return as_palette(image, quality=quality) or image


def _encode(image: Image.Image, out: BufferedRandom, manner: Manner, *, target: Format, quality: int) -> None:
    out.seek(0)
    out.truncate()
    with as_memory_error():
        write(image, out, target=target, quality=quality, manner=manner)


def _keep_original(source: BufferedRandom, out: BufferedRandom, facts: SourcePicture) -> Note | None:
    """Replace what was encoded, if anything was, by the repacked source, if that is smaller."""
    source.seek(0)
    original = repacked(source.read(), facts.format, pixels=facts.width * facts.height)
    if original is None or 0 < _length(out) <= len(original):
        return None
    out.seek(0)
    out.truncate()
    out.write(original)
    return "kept_original"


def _head(source: BufferedRandom) -> bytes:
    source.seek(0)
    return source.read(_HEAD_BYTES)


def _source_facts(source: BufferedRandom, decoded: Decoded) -> SourcePicture:
    width, height = decoded.stored_size
    return SourcePicture(decoded.format, width, height, _length(source), _sha256(source))


def _length(file: BufferedRandom) -> int:
    return file.seek(0, 2)


def _sha256(file: BufferedRandom) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()
