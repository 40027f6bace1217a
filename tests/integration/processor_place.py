"""A processor's process on a real Kafka and S3, with pictures served on loopback."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx2
from aiohttp import web

from services.processor.settings import ProcessorSettings
from shared.events import CarryOver, Event, ImageProcessed, ImageRequested
from shared.ids import LOCAL_OWNER, RequestId
from shared.kafka.admin import create_topics
from shared.kafka.cloudevents import decode
from shared.kafka.connection import KafkaConnection
from shared.kafka.producer import EventProducer
from shared.kafka.records import Received, TopicPartition
from shared.kafka.source import kafka_records
from shared.object_store import ObjectStore, open_object_store
from shared.recipes import Recipe
from shared.topics import IMAGES_DLT, IMAGES_PROCESSED, IMAGES_REQUESTED_BULK, IMAGES_REQUESTED_EXPRESS, partitioned
from tests.plain_http import plain_http
from tests.ports import free_port
from tests.recipes import default_recipe
from tests.stack import StackForTests
from tests.unit.processor.pictures import encoded, photo, slow_jpeg
from tests.waiting import until

POISON = b"poison"
"""Behind the picture, where no decoder looks."""
SLOW_SECONDS = 1.0
SOME_SCANS = 300
"""Some seconds of decoding."""
PICTURE = encoded(photo(), "JPEG", quality=95)
PAGES = {
    "/cup.jpg": PICTURE,
    "/clear.png": encoded(photo().convert("RGBA"), "PNG"),
    "/page.jpg": b"<html>no picture</html>",
    "/half.jpg": PICTURE[: len(PICTURE) // 2],
    "/laborious.jpg": slow_jpeg(scans=SOME_SCANS),
    "/poison.jpg": PICTURE + POISON,
}


@dataclass
class Place:
    """Where the processor runs, what others write there, and what it has said so far."""

    environment: Mapping[str, str]
    settings: ProcessorSettings
    store: ObjectStore
    producer: EventProducer
    pages: str
    asked: Counter[str]
    results: list[ImageProcessed] = field(default_factory=list)
    letters: list[Received[Event]] = field(default_factory=list)
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def start(self, module: str = "services.processor") -> None:
        """Start the processor; return when it is ready."""
        await self.begin(module)
        await until(self._is_ready, seconds=60, what="the processor is ready")

    async def begin(self, module: str) -> asyncio.subprocess.Process:
        """Start a processor and do not wait for it."""
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, env=self.environment)
        self.processes.append(process)
        return process

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
        """Collect all results and dead letters."""
        connection = KafkaConnection(self.settings)
        group = f"{self.settings.kafka_topic_prefix}reader"
        source = kafka_records(connection, group=group, topics=[IMAGES_PROCESSED, IMAGES_DLT])

        async def ignore(_partitions: set[TopicPartition]) -> None:
            return

        await source.start(ignore, ignore)
        try:
            while True:
                for records in (await source.poll(timeout_seconds=0.2, max_records=100)).values():
                    self._keep([decode(record, [ImageProcessed, ImageRequested]) for record in records])
        finally:
            await source.stop()

    def _keep(self, said: list[Received[Event]]) -> None:
        self.letters += [one for one in said if isinstance(one.event, ImageRequested)]
        self.results += [one.event for one in said if isinstance(one.event, ImageProcessed)]

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
            async with plain_http() as client:
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


def answer_of(path: str, asked_before: int, served: Mapping[str, bytes]) -> web.Response:
    """What a page says, the first time and later."""
    if path.startswith("/broken-twice") and asked_before < 2:
        return web.Response(status=500)
    if path.startswith("/busy-once") and asked_before == 0:
        return web.Response(status=429, headers={"Retry-After": "2"})
    if path.startswith("/broken"):
        return web.Response(status=500) if path == "/broken.jpg" else picture("/cup.jpg", served)
    return picture("/cup.jpg" if path.startswith(("/busy-once", "/slow")) else path, served)


def picture(path: str, served: Mapping[str, bytes]) -> web.Response:
    body = served.get(path)
    return web.Response(status=404) if body is None else web.Response(body=body, content_type="image/jpeg")


@asynccontextmanager
async def pages(served: Mapping[str, bytes]) -> AsyncIterator[tuple[str, Counter[str]]]:
    asked: Counter[str] = Counter()

    async def page(request: web.Request) -> web.Response:
        asked[request.path] += 1
        if request.path.startswith("/slow"):
            await asyncio.sleep(SLOW_SECONDS)
        return answer_of(request.path, asked[request.path] - 1, served)

    app = web.Application()
    app.router.add_get("/{path:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


@asynccontextmanager
async def place_on(
    stack: StackForTests, home: Path, served: Mapping[str, bytes] = PAGES, **settings_: str
) -> AsyncIterator[Place]:
    """Topics and a bucket of its own; no processor runs yet. `home` is where processors keep their ledger."""
    environment = environment_for(stack, home) | settings_
    settings = settings_from(environment)
    connection = KafkaConnection(settings)
    store = open_object_store(settings)
    await store.create_bucket(settings.s3_bucket_images)
    topics = [one for one in partitioned("embedded") if one.name.startswith(("images.", "undecodable."))]
    await create_topics(connection, topics)
    producer = EventProducer(connection, "pixelmill/test")
    async with pages(served) as page:
        made = Place(environment, settings, store, producer, *page)
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
            await store.close()
