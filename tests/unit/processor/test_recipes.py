"""Several renditions of one picture, made by the real codec from one download and one decode."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

import pytest
from PIL import Image

from services.processor.adapters.codec_processes import CodecProcesses
from services.processor.another_try import AnotherTry
from services.processor.codec.compress import compress
from services.processor.codec.decode import Decoded, decode
from services.processor.codec.job import Compressed, Job
from services.processor.on_image_requested import OnImageRequested
from services.processor.suspension import Wakefulness
from shared.events import ImageProcessed
from shared.kafka.gathering import Gathering
from shared.recipes import Rendition
from tests.pictures.metrics import largest_alpha_difference, psnr
from tests.pictures.sources import as_seen
from tests.unit.processor.fakes import REQUEST, URL, FakeFacts, FakeImages, FakeSources, FakeTiers, requested
from tests.unit.processor.pictures import MAX_PIXELS, OutputFormat, compressed, corners, encoded, near, photo

COMPRESSED = Rendition(name="compressed")
THUMBNAIL = Rendition(name="thumbnail", width=200, height=200, fit="cover", format="webp", quality=60)


class CountingPool:
    """Does jobs in this process and counts them, and the pictures that were decoded for them."""

    def __init__(self) -> None:
        self.jobs = 0
        self.decodes = 0

    async def compress(self, job: Job) -> Compressed:
        self.jobs += 1
        answer = compress(job, decoder=self._decode)
        assert isinstance(answer, Compressed), answer
        return answer

    async def probe(self) -> None:
        pass

    def _decode(self, source: BinaryIO, *, max_pixels: int) -> Decoded:
        self.decodes += 1
        return decode(source, max_pixels=max_pixels)


class House:
    """The handler with the real codec, between a fake source and a fake store."""

    def __init__(self, source: bytes) -> None:
        self.sources = FakeSources({URL: source})
        self.pool = CountingPool()
        self.images = FakeImages()
        self.facts = FakeFacts()
        codec = CodecProcesses(self.pool, max_pixels=MAX_PIXELS)
        another_try = AnotherTry(FakeTiers(), self.facts, patience=timedelta(hours=1), now=lambda: datetime.now(UTC))
        self.handler = OnImageRequested(
            self.sources,
            codec,
            self.images,
            self.facts,
            later_tries=another_try,
            wakefulness=Wakefulness(),
            storing=Gathering(),
        )

    async def make(self, *renditions: Rendition) -> ImageProcessed:
        tell = await self.handler(requested(3, renditions=renditions))
        await tell()
        return self.facts.published[-1][1]

    def picture(self, name: str) -> Image.Image:
        return Image.open(io.BytesIO(self.images.stored[f"{REQUEST}/3/{name}"][0]))


async def test_one_download_and_one_decode_serve_all_renditions() -> None:
    house = House(encoded(photo((640, 480)), "JPEG", quality=95))
    result = await house.make(COMPRESSED, THUMBNAIL)
    assert (house.sources.fetches, house.pool.jobs, house.pool.decodes) == (1, 1, 1)
    assert list(house.images.stored) == [f"{REQUEST}/3/compressed.jpg", f"{REQUEST}/3/thumbnail.webp"]
    assert (house.picture("compressed.jpg").size, house.picture("thumbnail.webp").size) == ((640, 480), (200, 200))
    described = [(one.name, one.format, one.width, one.height) for one in result.renditions]
    assert described == [("compressed", "jpeg", 640, 480), ("thumbnail", "webp", 200, 200)]


async def test_every_rendition_says_what_it_is_and_what_it_was_made_of() -> None:
    house = House(encoded(photo((640, 480)), "JPEG", quality=95))
    result = await house.make(COMPRESSED, THUMBNAIL)
    assert result.source is not None
    for rendition in result.renditions:
        entries = house.images.entries[rendition.key]
        assert (entries["sha256"], entries["width"]) == (rendition.sha256, str(rendition.width))
        assert (entries["source-sha256"], entries["source-width"]) == (result.source.sha256, "640")


@pytest.mark.parametrize("fit", ["cover", "contain"])
def test_cover_cuts_alike_on_both_sides_and_contain_cuts_nothing(fit: str) -> None:
    image = compressed(encoded(corners((640, 320)), "PNG"), "png", width=100, height=100, fit=fit).image.convert("RGB")
    width, height = image.size
    assert (width, height) == ((100, 100) if fit == "cover" else (100, 50))
    seen = [image.getpixel((x, y)) for y in (2, height - 3) for x in (2, width - 3)]
    expected = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)]
    assert all(near(pixel, wanted) for pixel, wanted in zip(seen, expected, strict=True)), seen


@pytest.mark.parametrize("fit", ["cover", "contain"])
@pytest.mark.parametrize("wanted", ["jpeg", "png", "webp"])
def test_nothing_is_ever_scaled_up(wanted: OutputFormat, fit: str) -> None:
    result = compressed(encoded(photo((60, 40)), "PNG"), wanted, width=200, height=200, fit=fit)
    assert result.image.size == ((40, 40) if fit == "cover" else (60, 40))


def soft_alpha(image: Image.Image) -> Image.Image:
    """The picture as `RGBA` with alpha from nothing to all."""
    clear = image.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(image.size))
    return clear


def smooth() -> Image.Image:
    """Soft colours, which every encoder keeps well."""
    bands = [Image.linear_gradient("L"), Image.radial_gradient("L"), Image.linear_gradient("L").rotate(90)]
    return Image.merge("RGB", [band.resize((160, 120)) for band in bands])


def frames(image: Image.Image) -> dict[str, Any]:
    return {"save_all": True, "append_images": [image.rotate(90), image.rotate(180)], "duration": 50}


def inputs() -> dict[str, bytes]:
    """A file of each kind of pixels that the formats have."""
    image, clear = smooth(), soft_alpha(smooth())
    return {
        "one bit": encoded(image.convert("1"), "PNG"),
        "grey": encoded(image.convert("L"), "PNG"),
        "grey jpeg": encoded(image.convert("L"), "JPEG", quality=95),
        "grey with alpha": encoded(clear.convert("LA"), "PNG"),
        "sixteen bits": encoded(
            image.convert("L").convert("I").point(lambda level: level * 256).convert("I;16"), "PNG"
        ),
        "palette": encoded(image.quantize(64), "PNG"),
        "palette with alpha": encoded(clear.quantize(64), "PNG"),
        "rgb": encoded(image, "PNG"),
        "rgba": encoded(clear, "PNG"),
        "rgba webp": encoded(clear, "WEBP", lossless=True),
        "cmyk": encoded(image.convert("CMYK"), "JPEG", quality=95),
        "gif": encoded(image.quantize(64), "GIF"),
        "gif with alpha": encoded(image.quantize(64), "GIF", transparency=3),
        "moving gif": encoded(image.quantize(64), "GIF", **frames(image.quantize(64))),
        "moving webp": encoded(image, "WEBP", quality=95, **frames(image)),
        "moving png": encoded(image, "PNG", **frames(image)),
    }


@pytest.mark.parametrize("wanted", ["keep", "jpeg", "png", "webp"])
@pytest.mark.parametrize(("kind", "source"), inputs().items(), ids=list(inputs()))
def test_every_kind_of_pixels_becomes_every_format(kind: str, source: bytes, wanted: OutputFormat) -> None:
    result = compressed(source, wanted, quality=90)
    seen, made = as_seen(source), as_seen(result.data)
    assert made.size == seen.size
    assert psnr(seen, made) > 30
    assert getattr(result.image, "n_frames", 1) == 1
    if result.answer.made[0].format != "jpeg":
        assert largest_alpha_difference(seen, made) <= 2
