"""Where the aggregator's tests play: its processes, and the events that others would write."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

from deploy.migrate import migrate
from services.aggregator.settings import AggregatorSettings
from shared import object_keys
from shared.events import (
    Event,
    ImageError,
    ImageProcessed,
    RequestCompleted,
    RequestDeleted,
    SourceFacts,
    StoredRendition,
)
from shared.ids import LOCAL_OWNER, RequestId
from shared.kafka.admin import create_topics
from shared.kafka.cloudevents import decode
from shared.kafka.connection import KafkaConnection
from shared.kafka.producer import EventProducer
from shared.kafka.records import Received, Record
from shared.object_store import ObjectStore, open_object_store
from shared.postgres import Database
from shared.request_files import CsvShape, ManifestImage, RequestFile
from shared.topics import IMAGES_PROCESSED, REQUESTS_ACCEPTED, REQUESTS_COMPLETED, REQUESTS_DELETED, Topic, partitioned
from tests.plain_http import plain_http
from tests.recipes import default_recipe
from tests.stack import StackForTests
from tests.waiting import until

COLUMNS = ("Serial Number", "Product Name", "Image URLs")
BUCKETS = ("test-requests", "test-images")
READY_SECONDS = 90.0
_ACCEPT = "INSERT INTO ingest.requests (request_id, owner, request, accepted_at) VALUES ($1, $2, $3, $4)"


@dataclass
class Worker:
    """One process of the aggregator."""

    roles: tuple[str, ...]
    port: int
    process: asyncio.subprocess.Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), 60)

    async def is_ready(self) -> bool:
        return bool((await self.readiness()).get("ready"))

    async def readiness(self) -> dict[str, Any]:
        """What `/readyz` says; nothing while it does not answer."""
        assert self.process.returncode is None, f"{self.roles} has ended"
        with contextlib.suppress(httpx2.TransportError):
            async with plain_http() as client:
                found: dict[str, Any] = (await client.get(f"{self.url}/readyz")).json()
                return found
        return {}


@dataclass
class Request:
    """A request as ingest leaves it."""

    file: RequestFile
    urls: Sequence[str]

    @property
    def request_id(self) -> RequestId:
        return self.file.request_id

    def result(self, index: int, *, fails: bool = False, also: Iterable[int] = ()) -> ImageProcessed:
        """What the processor says of one image, and of those that share its URL."""
        chunk = index // self.file.chunk_size
        key = object_keys.image(self.request_id, index, rendition="compressed", extension="jpg")
        rendition = StoredRendition(
            name="compressed", key=key, format="jpeg", width=4, height=3, bytes=250, sha256="cd" * 32
        )
        return ImageProcessed(
            request_id=self.request_id,
            owner=LOCAL_OWNER,
            chunk=chunk,
            chunk_images=self.file.images_in_chunk(chunk),
            chunks_total=self.file.chunks_total,
            window=self.file.window,
            indexes=(index, *also),
            outcome="failed" if fails else "succeeded",
            note=None,
            error=ImageError(code="http_404", message="The server answered 404.") if fails else None,
            source=None if fails else SourceFacts(bytes=1000, format="jpeg", width=4, height=3, sha256="ab" * 32),
            renditions=() if fails else (rendition,),
            attempts=1,
            duration_ms=12,
        )

    def results(self) -> list[ImageProcessed]:
        """A result for each image; every tenth image fails."""
        return [self.result(index, fails=index % 10 == 3) for index in range(self.file.images_total)]


@dataclass
class Place:
    """The stack with a prefix of its own, and the processes that run on it."""

    environment: Mapping[str, str]
    settings: AggregatorSettings
    connection: KafkaConnection
    store: ObjectStore
    database: Database
    producer: EventProducer
    workers: list[Worker] = field(default_factory=list)

    async def start(self, *roles: str) -> Worker:
        """Start a process; return when it is ready."""
        worker = await self.spawn(*roles)
        await until(worker.is_ready, seconds=READY_SECONDS, what=f"{roles} is ready")
        return worker

    async def spawn(self, *roles: str, **changes: str) -> Worker:
        """Start a process with some settings changed."""
        port = _free_port()
        environment = {**self.environment, "HTTP_PORT": str(port), **changes}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.aggregator", *roles, env=environment
        )
        worker = Worker(roles, port, process)
        self.workers.append(worker)
        return worker

    async def submit(self, images: int, *, chunk_size: int = 10, accepted: bool = True) -> Request:
        """Write what ingest writes, and announce it."""
        request = _request(images, chunk_size)
        for key, data in _files(request).items():
            await self.store.put(BUCKETS[0], key, data, content_type="application/octet-stream")
        file = request.file
        await self.execute(_ACCEPT, file.request_id, file.owner, file.model_dump(mode="json"), file.accepted_at)
        if accepted:
            await self.publish(REQUESTS_ACCEPTED, [request.file.accepted()])
        return request

    async def publish(self, topic: Topic, events: Sequence[Event]) -> None:
        await self.producer.publish(topic, *events)

    async def process(self, events: Sequence[ImageProcessed]) -> None:
        await self.publish(IMAGES_PROCESSED, events)

    async def process_slowly(self, events: Sequence[ImageProcessed]) -> None:
        """One by one, so that some fall into every moment of what happens beside it."""
        for event in events:
            await self.process([event])

    async def get(self, path: str) -> httpx2.Response:
        api = next(worker for worker in self.workers if "api" in worker.roles and worker.process.returncode is None)
        async with plain_http(base_url=api.url) as client:
            return await client.get(path)

    async def status(self, request: Request) -> dict[str, Any]:
        answer = await self.get(f"/v1/requests/{request.request_id}")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def until_state(self, request: Request, *states: str, seconds: float = 60.0) -> dict[str, Any]:
        async def reached() -> object:
            assert not [worker.roles for worker in self.workers if worker.process.returncode == 1], "a process failed"
            status = await self.status(request)
            return status if status["state"] in states else None

        found = await until(reached, seconds=seconds, what=f"the request is {states}")
        assert isinstance(found, dict)
        return found

    async def until_published(self, request: Request) -> RequestCompleted:
        """The request's completion, once its reader has noted it."""

        async def noted() -> object:
            sql = "SELECT 1 FROM aggregator.requests WHERE request_id = $1 AND published_at IS NOT NULL"
            return await self.value(sql, request.request_id)

        await until(noted, seconds=60, what="the completion is published")
        events = [item.event for item in await self.read(REQUESTS_COMPLETED)]
        (own,) = [event for event in events if event.request_id == request.request_id]
        assert isinstance(own, RequestCompleted)
        return own

    async def forget_changelog(self) -> None:
        """Lose what the stream's table wrote."""
        admin = AIOKafkaAdminClient(**self.connection.client_options())
        await admin.start()
        try:
            await admin.delete_topics([f"{self.connection.group('aggregator', 'stream')}-chunks-changelog"])
        finally:
            await admin.close()

    async def delete(self, request: Request) -> None:
        """Remove what ingest removes, and say so."""
        for bucket in BUCKETS:
            await self.store.delete_all(bucket, f"{request.request_id}/")
        await self.execute("DELETE FROM ingest.requests WHERE request_id = $1", request.request_id)
        deleted = RequestDeleted(request_id=request.request_id, owner=request.file.owner)
        await self.publish(REQUESTS_DELETED, [deleted])

    async def execute(self, sql: str, *arguments: object) -> None:
        async with self.database.connection() as connection:
            await connection.execute(sql, *arguments)

    async def value(self, sql: str, *arguments: object) -> Any:
        async with self.database.connection() as connection:
            return await connection.fetchval(sql, *arguments)

    async def read(self, topic: Topic) -> list[Received[Event]]:
        """The events of a topic, as `records` finds them."""
        return [decode(record, topic.events) for record in await self.records(topic)]

    async def records(self, topic: Topic) -> list[Record]:
        """Everything that a `read_committed` reader sees in a topic up to its end, in the order of each partition."""
        name = self.connection.topic(topic)
        consumer = AIOKafkaConsumer(
            name,
            **self.connection.client_options(),
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        await consumer.start()
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            found: list[Record] = []
            while any([await consumer.position(partition) < end for partition, end in ends.items()]):
                for items in (await consumer.getmany(timeout_ms=200)).values():
                    found += [_record(item) for item in items]
            return found
        finally:
            await consumer.stop()


@asynccontextmanager
async def place_on(stack: StackForTests) -> AsyncIterator[Place]:
    """A prefix of its own on the stack; whatever was started is ended."""
    environment = {
        **os.environ,
        **stack.environment(),
        "KAFKA_TOPIC_PREFIX": f"t{uuid4().hex[:8]}.",
        "KAFKA_PARTITIONS": "embedded",
        "KAFKA_REPLICATION_FACTOR": "1",
        "KAFKA_SESSION_TIMEOUT_SECONDS": "6",
        "S3_BUCKET_REQUESTS": BUCKETS[0],
        "S3_BUCKET_IMAGES": BUCKETS[1],
        "URL_SIGNING_KEY": "a key for tests only",
        "AUTH": "off",
    }
    settings = AggregatorSettings.model_validate({name.lower(): value for name, value in environment.items()})
    await migrate(settings.database_url.get_secret_value())
    store = open_object_store(settings)
    for bucket in BUCKETS:
        await store.create_bucket(bucket)
    connection = KafkaConnection(settings)
    await create_topics(connection, partitioned("embedded"))
    producer, database = EventProducer(connection, "pixelmill/test"), Database(settings)
    place = Place(environment, settings, connection, store, database, producer)
    try:
        yield place
    finally:
        await asyncio.gather(*(worker.kill() for worker in place.workers if worker.process.returncode is None))
        await producer.stop()
        await database.close()
        await store.close()


def _request(images: int, chunk_size: int) -> Request:
    moment = datetime.now(UTC)
    now = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    file = RequestFile(
        request_id=RequestId(str(uuid4())),
        owner=LOCAL_OWNER,
        rows=-(-images // 2),
        images_total=images,
        chunks_total=-(-images // chunk_size),
        chunk_size=chunk_size,
        window=4,
        lane="bulk",
        accepted_at=now,
        deadline_at=now + timedelta(hours=1),
        recipe=default_recipe(),
        csv=CsvShape(columns=COLUMNS, serial_column=0, name_column=1, urls_column=2),
        metadata={"order": "Ø 17"},
    )
    return Request(file, [f"http://shop.example/{index},x.jpg" for index in range(images)])


def _files(request: Request) -> dict[str, bytes]:
    """Two images a row."""
    file, urls = request.file, request.urls
    rows = [f'{row + 1},Product {row + 1},"{",".join(urls[2 * row : 2 * row + 2])}"' for row in range(file.rows)]
    images = [
        ManifestImage(
            index=index,
            row=index // 2 + 1,
            line=index // 2 + 2,
            slot=index % 2,
            serial_number=str(index // 2 + 1),
            product_name=f"Product {index // 2 + 1}",
            url=url,
        ).model_dump_json()
        for index, url in enumerate(urls)
    ]
    manifest = {
        object_keys.manifest_chunk(file.request_id, chunk): "\n".join(
            images[chunk * file.chunk_size : (chunk + 1) * file.chunk_size]
        ).encode()
        for chunk in range(file.chunks_total)
    }
    return {
        object_keys.request_object(file.request_id): file.model_dump_json().encode(),
        object_keys.input_csv(file.request_id): "\n".join([",".join(COLUMNS), *rows, ""]).encode(),
        **manifest,
    }


def _record(item: Any) -> Record:
    return Record(item.topic, item.partition, item.offset, item.key, item.value, tuple(item.headers))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
