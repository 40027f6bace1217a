"""A small picture of each kind, made before strangers' pictures come: what Pillow loads late is loaded then.

It also shows that the process can work where it is: in its box, with its limits.
"""

import io
from collections.abc import Iterator
from typing import Any, Final

from PIL import Image

from services.processor.codec.compress import compress
from services.processor.codec.job import Compressed, Job, Order
from services.processor.codec.memory_file import MemoryFile

_SIDE: Final = 8
_MAX_PIXELS: Final = 1000
_ORIENTATION_TAG: Final = 0x0112
_TURNED: Final = 6


def rehearse(*, may_repack: bool) -> None:
    """Raises `RuntimeError` when a picture that is whole cannot be made, or whatever kept it from being made."""
    for source in _sources():
        with MemoryFile("source") as file, MemoryFile("output") as output:
            file.write(source)
            orders = (Order("keep", 50, output.descriptor), Order("webp", 50, output.descriptor, width=4))
            answer = compress(Job(file.descriptor, _MAX_PIXELS, orders, may_repack))
            if not isinstance(answer, Compressed):
                raise RuntimeError(answer.message)


def _sources() -> Iterator[bytes]:
    image = Image.linear_gradient("L").resize((_SIDE, _SIDE)).convert("RGB")
    exif = Image.Exif()
    exif[_ORIENTATION_TAG] = _TURNED
    yield _encoded(image, "JPEG", exif=exif)
    yield _encoded(image, "MPO", save_all=True, append_images=[image])
    yield _encoded(image, "PNG")
    yield _encoded(image, "WEBP")
    yield _encoded(image.quantize(4), "GIF")


def _encoded(image: Image.Image, picture_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, picture_format, **options)
    return buffer.getvalue()
