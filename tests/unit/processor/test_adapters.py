"""The processor's adapters: room for sources, content types, settings."""

import asyncio
import os
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from services.processor.adapters.codec_processes import CodecProcesses
from services.processor.adapters.http_source import HttpSource
from services.processor.adapters.room import Room
from services.processor.adapters.s3_images import S3Images
from services.processor.codec.job import Compressed, Job, Made, SourcePicture
from services.processor.codec.memory_file import MemoryFile
from services.processor.settings import ProcessorSettings
from shared.errors import DependencyAway, Transient
from shared.object_memory import MemoryObjects
from shared.safe_http import Fetched
from tests.recipes import default_recipe
from tests.waiting import until


class ScriptedClient:
    """Hands out the same pieces for every URL, then fails if it is told to."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self.pieces = pieces
        self.error = error
        self.fetches = 0

    async def fetch(self, url: str, into: Callable[[bytes | memoryview], object], *, max_bytes: int) -> Fetched:
        self.fetches += 1
        for piece in self.pieces:
            into(piece)
        if self.error is not None:
            raise self.error
        return Fetched(200, "image/jpeg", sum(map(len, self.pieces)), url)


async def test_a_source_lies_in_memory_while_it_is_used() -> None:
    room = Room(100)
    source = HttpSource(ScriptedClient(b"ab", b"c"), max_bytes=10, room=room)
    async with source.fetched("http://shop.example/") as file:
        assert (file.read(), file.size, room.taken) == (b"abc", 3, 3)
    assert room.taken == 0


async def test_a_source_that_fails_gives_its_room_back() -> None:
    room = Room(100)
    source = HttpSource(ScriptedClient(b"ab", error=Transient("truncated", "short")), max_bytes=10, room=room)
    with pytest.raises(Transient):
        async with source.fetched("http://shop.example/"):
            pass
    assert room.taken == 0


async def test_no_download_starts_while_sources_fill_the_room() -> None:
    client = ScriptedClient(b"abcd")
    source = HttpSource(client, max_bytes=10, room=Room(3))

    async def fetch() -> bytes:
        async with source.fetched("http://shop.example/") as file:
            return file.read()

    async with source.fetched("http://shop.example/"):
        waiting = asyncio.create_task(fetch())
        for _ in range(10):
            await asyncio.sleep(0)
        assert client.fetches == 1
    await until(waiting.done, what="the second download")
    assert (waiting.result(), client.fetches) == (b"abcd", 2)


class GrowingPool:
    """Answers for nine bytes, and writes on, as a process could that a picture has taken over."""

    async def compress(self, job: Job) -> Compressed:
        (order,) = job.orders
        os.pwrite(order.output, b"x" * 9_000, 0)
        return Compressed(SOURCE, (Made("jpeg", 4, 3, 9, HASH),), None)

    async def probe(self) -> None:
        pass


HASH = "ab" * 32
SOURCE = SourcePicture("jpeg", 4, 3, 9, HASH)


@pytest.mark.checklist("P14")
async def test_no_more_of_a_rendition_is_read_than_was_answered_for() -> None:
    codec = CodecProcesses(GrowingPool(), max_pixels=100)
    with MemoryFile("source") as source:
        async with codec.compressed(source, default_recipe()) as picture:
            assert [rendered.content.read() for rendered in picture.renditions] == [b"x" * 9]


@pytest.mark.parametrize(
    ("picture_format", "content_type"), [("jpeg", "image/jpeg"), ("png", "image/png"), ("webp", "image/webp")]
)
@pytest.mark.checklist("A8")
async def test_an_object_has_the_content_type_of_what_it_is(picture_format: str, content_type: str) -> None:
    objects = MemoryObjects()
    images = S3Images(objects, "images")
    await images.store("a/0/x", b"bytes", format_=picture_format, metadata={})  # type: ignore[arg-type]  # parametrized
    assert objects.objects == {("images", "a/0/x"): b"bytes"}
    assert objects.content_types == {("images", "a/0/x"): content_type}


async def test_a_copy_is_what_its_source_was_and_a_missing_one_is_said_to_be_missing() -> None:
    objects = MemoryObjects()
    images = S3Images(objects, "images")
    await images.store("a/0/x", b"bytes", format_="png", metadata={"width": "4"})
    assert await images.copy("a/0/x", "b/7/x")
    assert objects.objects["images", "b/7/x"] == b"bytes"
    assert objects.content_types["images", "b/7/x"] == "image/png"
    assert await images.metadata("b/7/x") == {"width": "4"}
    assert not await images.copy("a/1/x", "b/8/x")
    assert await images.metadata("a/1/x") is None


async def test_a_probe_stores_one_object_and_lists_nothing() -> None:
    objects = MemoryObjects()
    images = S3Images(objects, "images")
    await images.probe()
    objects.objects["images", "probe"] = b"not stored again"
    await images.probe()
    assert objects.objects == {("images", "probe"): b"not stored again"}


async def test_a_probe_says_that_s3_is_away() -> None:
    objects = MemoryObjects()
    images = S3Images(objects, "images")
    await images.probe()
    objects.is_away = True
    with pytest.raises(DependencyAway):
        await images.probe()


def test_networks_are_read_from_one_line() -> None:
    settings = ProcessorSettings(fetch_allow_networks="127.0.0.0/8, ::1/128")  # type: ignore[arg-type]  # as in the environment
    assert [str(network) for network in settings.fetch_policy().allow_networks] == ["127.0.0.0/8", "::1/128"]


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="fetch_allow_networks"):
        ProcessorSettings(fetch_allow_networks="127.0.0.1/8")  # type: ignore[arg-type]  # as in the environment
