"""The processor's process on a real Kafka and S3, with pictures served on loopback."""

import asyncio
import hashlib
import io
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from aiohttp import web
from PIL import Image

from services.processor.settings import ProcessorSettings
from shared.events import CarriedRendition, CarryOver, ImageProcessed, ImageRequested
from shared.ids import LOCAL_OWNER, RequestId
from shared.kafka.admin import create_topics
from shared.kafka.cloudevents import decode
from shared.kafka.connection import KafkaConnection
from shared.kafka.producer import EventProducer
from shared.kafka.records import TopicPartition
from shared.kafka.source import kafka_records
from shared.object_store import ObjectStore, open_object_store
from shared.recipes import Recipe, Rendition
from shared.topics import IMAGES_PROCESSED, IMAGES_REQUESTED_BULK, IMAGES_REQUESTED_EXPRESS, partitioned
from tests.ports import free_port
from tests.recipes import default_recipe
from tests.stack import StackForTests
from tests.unit.processor.pictures import encoded, photo
from tests.waiting import until

pytestmark = pytest.mark.stack

PICTURE = encoded(photo(), "JPEG", quality=95)
PAGES = {
    "/cup.jpg": PICTURE,
    "/clear.png": encoded(photo().convert("RGBA"), "PNG"),
    "/page.jpg": b"<html>no picture</html>",
    "/half.jpg": PICTURE[: len(PICTURE) // 2],
}


@dataclass
class Place:
    """Where the processor runs, what others write there, and what it has said so far."""

    environment: Mapping[str, str]
    settings: ProcessorSettings
    store: ObjectStore
    producer: EventProducer
    pages: str
    results: list[ImageProcessed] = field(default_factory=list)
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def start(self, module: str = "services.processor") -> None:
        """Start the processor; return when it is ready."""
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, env=self.environment)
        self.processes.append(process)
        await until(self._is_ready, seconds=60, what="the processor is ready")

    async def kill(self) -> None:
        self.processes[-1].kill()
        await self.processes.pop().wait()

    async def stop(self) -> int:
        """Stop the processor as its supervisor would, and return its exit code."""
        self.processes[-1].terminate()
        return await asyncio.wait_for(self.processes.pop().wait(), 40)

    async def request(self, *paths: str, lane: str = "express") -> RequestId:
        """Ask for one image for each path, as the planner does; indexes count from 0."""
        request_id = RequestId(str(uuid4()))
        topic = IMAGES_REQUESTED_EXPRESS if lane == "express" else IMAGES_REQUESTED_BULK
        events = [self._event(request_id, index, path, of=len(paths)) for index, path in enumerate(paths)]
        await self.producer.publish(topic, *events)
        return request_id

    async def answers(self, request_id: RequestId, count: int) -> dict[int, ImageProcessed]:
        """The results of a request by their first index, once there are so many."""

        def found() -> dict[int, ImageProcessed]:
            return {one.indexes[0]: one for one in self.results if one.request_id == request_id}

        await until(lambda: len(found()) >= count, seconds=60, what="all results are there")
        return found()

    async def follow(self) -> None:
        """Collect everything that is said on `images.processed`."""
        connection = KafkaConnection(self.settings)
        source = kafka_records(connection, group=f"{self.settings.kafka_topic_prefix}reader", topics=[IMAGES_PROCESSED])

        async def ignore(_partitions: set[TopicPartition]) -> None:
            return

        await source.start(ignore, ignore)
        try:
            while True:
                for records in (await source.poll(timeout_seconds=0.2, max_records=100)).values():
                    events = [decode(record, [ImageProcessed]).event for record in records]
                    self.results += [event for event in events if isinstance(event, ImageProcessed)]
        finally:
            await source.stop()

    async def request_with(self, path: str, recipe: Recipe, carry_over: CarryOver | None = None) -> ImageProcessed:
        """Ask for one image with a recipe of its own, and return what became of it."""
        request_id = RequestId(str(uuid4()))
        event = self._event(request_id, 0, path, of=1)
        changes = {"recipe": recipe, "carry_over": carry_over}
        await self.producer.publish(IMAGES_REQUESTED_EXPRESS, event.model_copy(update=changes))
        return (await self.answers(request_id, 1))[0]

    def _event(self, request_id: RequestId, index: int, path: str, *, of: int) -> ImageRequested:
        return ImageRequested(
            request_id=request_id,
            owner=LOCAL_OWNER,
            chunk=0,
            chunk_images=of,
            chunks_total=1,
            window=16,
            indexes=(index,),
            url=self.pages + path,
            recipe=default_recipe(),
        )

    async def _is_ready(self) -> bool:
        assert self.processes[-1].returncode is None, "the processor has ended"
        try:
            async with httpx2.AsyncClient(trust_env=False) as client:
                answer = await client.get(f"http://127.0.0.1:{self.settings.http_port}/readyz")
        except httpx2.TransportError:
            return False
        return answer.status_code == 200


def environment_for(stack: StackForTests, home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        **stack.environment(),
        "PIXELMILL_HOME": str(home),
        "KAFKA_TOPIC_PREFIX": f"processor-{uuid4().hex[:8]}.",
        "KAFKA_SESSION_TIMEOUT_SECONDS": "6",
        "HTTP_PORT": str(free_port()),
        "CODEC_PROCESSES": "2",
        "FETCH_ALLOW_NETWORKS": "127.0.0.0/8",
    }


def settings_from(environment: Mapping[str, str]) -> ProcessorSettings:
    fields = {name: environment[name.upper()] for name in ProcessorSettings.model_fields if name.upper() in environment}
    return ProcessorSettings.model_validate(fields)


def answer_of(path: str, asked_before: int) -> web.Response:
    """What a page says, the first time and later."""
    if path.startswith("/broken-twice") and asked_before < 2:
        return web.Response(status=500)
    if path.startswith("/busy-once") and asked_before == 0:
        return web.Response(status=429, headers={"Retry-After": "2"})
    if path.startswith("/broken"):
        return web.Response(status=500) if path == "/broken.jpg" else picture("/cup.jpg")
    return picture("/cup.jpg" if path.startswith("/busy-once") else path)


def picture(path: str) -> web.Response:
    body = PAGES.get(path)
    return web.Response(status=404) if body is None else web.Response(body=body, content_type="image/jpeg")


@asynccontextmanager
async def pages() -> AsyncIterator[str]:
    asked: Counter[str] = Counter()

    async def page(request: web.Request) -> web.Response:
        asked[request.path] += 1
        return answer_of(request.path, asked[request.path] - 1)

    app = web.Application()
    app.router.add_get("/{path:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def place(stack: StackForTests, tmp_path: Path) -> AsyncIterator[Place]:
    environment = environment_for(stack, tmp_path)
    settings = settings_from(environment)
    connection = KafkaConnection(settings)
    store = open_object_store(settings)
    await store.create_bucket(settings.s3_bucket_images)
    await create_topics(connection, [one for one in partitioned("embedded") if one.name.startswith("images.")])
    producer = EventProducer(connection, "pixelmill/test")
    async with pages() as address:
        made = Place(environment, settings, store, producer, address)
        following = asyncio.create_task(made.follow())
        try:
            yield made
        finally:
            for process in made.processes:
                process.kill()
                await process.wait()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await producer.stop()
            store.close()


async def test_a_requested_picture_is_stored_and_reported(place: Place) -> None:
    await place.start()
    request_id = await place.request("/cup.jpg", "/clear.png")
    answers = await place.answers(request_id, 2)
    for index, picture_format, extension in ((0, "jpeg", "jpg"), (1, "png", "png")):
        (rendition,) = answers[index].renditions
        assert rendition.key == f"{request_id}/{index}/compressed.{extension}"
        stored = await place.store.get(place.settings.s3_bucket_images, rendition.key)
        assert (len(stored), hashlib.sha256(stored).hexdigest()) == (rendition.bytes, rendition.sha256)
        image = Image.open(io.BytesIO(stored))
        assert (image.format, image.size, rendition.format) == (picture_format.upper(), (160, 120), picture_format)
        assert answers[index].outcome == "succeeded"
    assert await place.stop() == 0


async def test_renditions_are_made_once_and_carried_over_to_later_requests(place: Place) -> None:
    thumbnail = Rendition(name="thumbnail", width=50, height=50, fit="cover", format="webp")
    recipe = Recipe(name="catalogue", renditions=(Rendition(name="compressed"), thumbnail))
    await place.start()
    first = await place.request_with("/cup.jpg", recipe)
    assert [(one.format, one.width) for one in first.renditions] == [("jpeg", 160), ("webp", 50)]
    offered = tuple(CarriedRendition(name=one.name, key=one.key) for one in first.renditions)
    carry_over = CarryOver(request_id=first.request_id, index=0, renditions=offered)
    second = await place.request_with("/gone.jpg", recipe, carry_over)
    assert (second.outcome, second.note, second.attempts) == ("succeeded", "carried_over", 0)
    assert second.source == first.source
    for now, then in zip(second.renditions, first.renditions, strict=True):
        assert now.key != then.key
        assert now == then.model_copy(update={"key": now.key})
        content = await place.store.get(place.settings.s3_bucket_images, now.key)
        assert hashlib.sha256(content).hexdigest() == now.sha256
    await place.store.delete_all(place.settings.s3_bucket_images, f"{first.request_id}/")
    third = await place.request_with("/cup.jpg", recipe, carry_over)
    assert (third.outcome, third.note, third.attempts) == ("succeeded", None, 1)


async def test_each_bad_source_fails_alone_with_its_code(place: Place) -> None:
    await place.start()
    paths = ("/cup.jpg", "/page.jpg", "/half.jpg", "/nowhere.jpg", "/cup.jpg")
    answers = await place.answers(await place.request(*paths, lane="bulk"), len(paths))
    codes = [answer.error.code if answer.error else None for _, answer in sorted(answers.items())]
    assert codes == [None, "unsupported_format", "corrupt_image", "http_404", None]


async def test_a_killed_processor_leaves_no_image_without_a_result(place: Place) -> None:
    await place.start()
    request_id = await place.request(*["/cup.jpg"] * 60)
    await place.answers(request_id, 1)
    await place.kill()
    await place.start()
    answers = await place.answers(request_id, 60)
    assert {answer.outcome for answer in answers.values()} == {"succeeded"}
    keys = {rendition.key for answer in answers.values() for rendition in answer.renditions}
    assert len(keys) == 60


async def test_a_copying_processor_stores_sources_as_they_came(place: Place) -> None:
    await place.start("bench.copying_processor")
    request_id = await place.request("/cup.jpg", "/page.jpg")
    answers = await place.answers(request_id, 2)
    (rendition,) = answers[0].renditions
    assert await place.store.get(place.settings.s3_bucket_images, rendition.key) == PICTURE
    assert (rendition.format, rendition.width, rendition.height, rendition.bytes) == ("jpeg", 160, 120, len(PICTURE))
    assert answers[1].error is not None
    assert answers[1].error.code == "unsupported_format"
    assert await place.stop() == 0


async def test_wrong_settings_give_one_line_for_each_and_exit_2(place: Place) -> None:
    environment = {**place.environment, "CODEC_PROCESSES": "none", "FETCH_ALLOW_NETWORKS": "somewhere"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.processor", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    lines = said.decode().splitlines()
    assert len(lines) == 2, lines
    assert all(line.startswith("processor: ") for line in lines)
