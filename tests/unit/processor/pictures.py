"""Small pictures made for a test, and what a codec process makes of them."""

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from PIL import Image, ImageFilter

from services.processor.codec.compress import compress
from services.processor.codec.job import Compressed, Job, Order, Refused
from services.processor.codec.memory_file import MemoryFile

MAX_PIXELS = 60_000_000
OutputFormat = Literal["keep", "jpeg", "png", "webp"]


@dataclass(frozen=True)
class Result:
    """A codec's answer and the first output's bytes."""

    answer: Compressed
    data: bytes

    @property
    def image(self) -> Image.Image:
        image = Image.open(io.BytesIO(self.data))
        image.load()
        return image


def encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def photo(size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Soft noise in colours: compresses like a photograph."""
    levels = random.Random(7).randbytes(size[0] * size[1] * 3)
    return Image.frombytes("RGB", size, levels).filter(ImageFilter.GaussianBlur(0.7))


def noise(size: tuple[int, int] = (192, 192)) -> Image.Image:
    """Hard noise in colours, which half the resolution of colour harms most."""
    return Image.frombytes("RGB", size, random.Random(3).randbytes(size[0] * size[1] * 3))


def corners(size: tuple[int, int] = (64, 32)) -> Image.Image:
    """Red, green, blue and black corners, so that each way to turn the picture shows."""
    image = Image.new("RGB", size)
    half = (size[0] // 2, size[1] // 2)
    image.paste((255, 0, 0), (0, 0, *half))
    image.paste((0, 255, 0), (half[0], 0, size[0], half[1]))
    image.paste((0, 0, 255), (0, half[1], half[0], size[1]))
    return image


def run(
    data: bytes, orders: Sequence[dict[str, Any]], *, max_pixels: int = MAX_PIXELS, may_repack: bool = True
) -> tuple[Any, list[bytes]]:
    """Run one job in this process; return the answer and the bytes of each output."""
    with MemoryFile("source") as source:
        source.write(data)
        outputs = [MemoryFile("output") for _ in orders]
        made = [Order(**order, output=output.descriptor) for order, output in zip(orders, outputs, strict=True)]
        answer = compress(Job(source.descriptor, max_pixels, tuple(made), may_repack))
        contents = [output.read() for output in outputs]
        for output in outputs:
            output.close()
    return answer, contents


def compressed(
    data: bytes, file_format: OutputFormat = "keep", quality: int = 50, *, may_repack: bool = True, **more: Any
) -> Result:
    """Make one rendition, which must succeed."""
    answer, contents = run(data, [{"format": file_format, "quality": quality, **more}], may_repack=may_repack)
    assert isinstance(answer, Compressed), answer
    return Result(answer, contents[0])


def refusal(data: bytes, file_format: OutputFormat = "keep", *, max_pixels: int = MAX_PIXELS) -> str:
    """Make one rendition, which must be refused; return the error code."""
    answer, _ = run(data, [{"format": file_format, "quality": 50}], max_pixels=max_pixels)
    assert isinstance(answer, Refused), answer
    return answer.code


def same_pixels(first: bytes, second: bytes) -> bool:
    one, two = (Image.open(io.BytesIO(data)).convert("RGBA") for data in (first, second))
    return one.tobytes() == two.tobytes()


def near(pixel: Any, expected: Sequence[int], tolerance: int = 2) -> bool:
    """Say whether a pixel has these levels, give or take a few."""
    levels = pixel if isinstance(pixel, tuple) else (pixel,)
    return len(levels) == len(expected) and all(
        abs(level - wanted) <= tolerance for level, wanted in zip(levels, expected, strict=True)
    )


def slow_jpeg(size: int = 3000, scans: int = 3000) -> bytes:
    """A small legal progressive JPEG whose last scan is repeated: it costs many seconds to decode."""
    data = encoded(Image.new("RGB", (size, size), (90, 120, 40)), "JPEG", progressive=True)
    last_scan = data.rindex(b"\xff\xda")
    return data[:last_scan] + data[last_scan:-2] * scans + data[-2:]
