"""Whatever is wrong with a file, the shortcuts of the decoder see in it what Pillow alone sees."""

import io
import random
import zlib

import pytest
from PIL import Image

from services.processor.codec import png_pixels, webp_pixels
from services.processor.codec.decode import decode
from services.processor.codec.job import Unusable
from tests.unit.processor import hostile_pictures as hostile
from tests.unit.processor.pictures import MAX_PIXELS, encoded, photo

SIZE = (40, 33)
FILES = 4000


def transparent() -> Image.Image:
    image = photo(SIZE).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(SIZE))
    return image


PNGS = [
    *(encoded(photo(SIZE).convert(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
    encoded(photo(SIZE), "PNG", save_all=True, append_images=[photo(SIZE)]),
]
WEBPS = [
    encoded(image, "WEBP", lossless=is_lossless)
    for image in (photo(SIZE), transparent())
    for is_lossless in (False, True)
]


def seen(data: bytes) -> object:
    try:
        decoded = decode(io.BytesIO(data), max_pixels=MAX_PIXELS)
    except Unusable as unusable:
        return unusable.code
    pixels = [image and (image.mode, image.tobytes()) for image in (decoded.image, decoded.indexed)]
    return decoded.format, decoded.stored_size, pixels, decoded.is_as_stored


def with_other_bytes(data: bytes, chance: random.Random) -> bytes:
    odd = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        odd[chance.randrange(chance.choice([60, len(odd)]))] = chance.randrange(256)
    return bytes(odd[: chance.choice([len(odd)] * 9 + [chance.randrange(len(odd))])])


def with_other_rows(packed: bytes, chance: random.Random) -> bytes:
    rows = bytearray(zlib.decompress(packed))
    for _ in range(chance.randint(1, 5)):
        rows[chance.randrange(len(rows))] = chance.randrange(6)
    return zlib.compress(bytes(rows) + bytes(chance.choice([0, 0, 1, 9])))


def with_other_chunks(data: bytes, chance: random.Random) -> bytes:
    """With right checksums, so that Pillow looks further."""
    chunks = list(hostile.png_chunks(data))
    place = chance.randrange(len(chunks))
    name, body = chunks[place]
    match chance.choice(["byte", "cut", "twice", "none", "rows"]):
        case "byte" if body:
            at = chance.randrange(len(body))
            chunks[place] = (name, body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :])
        case "cut":
            chunks[place] = (name, body[: chance.randrange(len(body) + 1)])
        case "twice":
            chunks.insert(chance.randrange(len(chunks) + 1), chunks[place])
        case "none":
            chunks.pop(place)
        case "rows":
            chunks = [(name, with_other_rows(body, chance) if name == b"IDAT" else body) for name, body in chunks]
    return hostile.png_of(chunks)


@pytest.mark.filterwarnings("ignore")
def test_damaged_files_are_seen_as_pillow_sees_them(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(5)
    files = [with_other_chunks(chance.choice(PNGS), chance) for _ in range(FILES)]
    files += [with_other_bytes(chance.choice(WEBPS), chance) for _ in range(FILES)]
    quickly = [seen(data) for data in files]
    monkeypatch.setattr(png_pixels, "unfiltered", None)
    monkeypatch.setattr(webp_pixels, "_LIBRARY", None)
    assert [place for place, data in enumerate(files) if seen(data) != quickly[place]] == []
    assert len([each for each in quickly if isinstance(each, tuple)]) > FILES / 3
