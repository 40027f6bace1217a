"""Where ingest's tests play: its process, the events that others would write, and what it leaves in the parts."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
from aiokafka import AIOKafkaConsumer

from deploy.migrate import migrate
from deploy.prepare import prepare_bucket
from services.ingest.settings import IngestSettings
from shared.events import Event
from shared.kafka.admin import create_topics
from shared.kafka.cloudevents import decode
from shared.kafka.connection import KafkaConnection
from shared.kafka.producer import EventProducer
from shared.kafka.records import Record
from shared.object_store import ObjectStore, open_object_store
from shared.postgres import Database
from shared.topics import Topic, partitioned
from tests.plain_http import plain_http
from tests.ports import free_port
from tests.stack import StackForTests
from tests.waiting import until

BUCKET = "test-ingest"
IMAGES_BUCKET = "test-ingest-images"
READY_SECONDS = 60.0


@dataclass
class Ingest:
    """One process of ingest."""

    port: int
    process: asyncio.subprocess.Process

    def client(self) -> httpx2.AsyncClient:
        return plain_http(base_url=f"http://127.0.0.1:{self.port}", timeout=60)

    async def post(self, csv: bytes, **arguments: Any) -> httpx2.Response:
        async with self.client() as client:
            return await client.post("/v1/requests", files={"file": ("products.csv", csv)}, **arguments)

    async def answers(self, path: str) -> int | None:
        assert self.process.returncode is None, "ingest has ended"
        with contextlib.suppress(httpx2.TransportError):
            async with self.client() as client:
                return (await client.get(path)).status_code
        return None

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), 60)


@dataclass
class Place:
    """The stack with a prefix of its own, and the processes that run on it."""

    environment: Mapping[str, str]
    connection: KafkaConnection
    store: ObjectStore
    database: Database
    producer: EventProducer
    started: list[Ingest] = field(default_factory=list)

    async def start(self, *roles: str, ready: str = "/readyz", **settings: str) -> Ingest:
        """Start a process; return when it answers `ready` with 200."""
        port = free_port()
        environment = {**self.environment, "HTTP_PORT": str(port), **settings}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.ingest", *(roles or ("api", "planner")), env=environment
        )
        ingest = Ingest(port, process)
        self.started.append(ingest)

        async def is_ready() -> bool:
            return await ingest.answers(ready) == 200

        await until(is_ready, seconds=READY_SECONDS, what="ingest is ready")
        return ingest

    async def objects(self, prefix: str = "", *, bucket: str = BUCKET) -> list[str]:
        """The keys below a prefix."""

        def keys() -> list[str]:
            found = self.store._client.list_objects(bucket, prefix=prefix, recursive=True)
            return sorted(item.object_name for item in found if item.object_name)

        return await asyncio.to_thread(keys)

    async def value(self, sql: str, *arguments: object) -> Any:
        async with self.database.connection() as connection:
            return await connection.fetchval(sql, *arguments)

    async def events(self, topic: Topic, request_id: str) -> list[Event]:
        """What stands in a topic about one request, up to the topic's end."""
        consumer = AIOKafkaConsumer(
            self.connection.topic(topic), **self.connection.client_options(), auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            found: list[Event] = []
            while any([await consumer.position(partition) < end for partition, end in ends.items()]):
                for items in (await consumer.getmany(timeout_ms=200)).values():
                    found += [decode(_record(item), topic.events).event for item in items]
            return [event for event in found if event.request_id == request_id]
        finally:
            await consumer.stop()

    async def until_events(self, topic: Topic, request_id: str, count: int) -> list[Event]:
        """Wait until so many events of the request stand in the topic; there must not be more."""
        found: list[Event] = []

        async def enough() -> bool:
            found[:] = await self.events(topic, request_id)
            return len(found) >= count

        await until(enough, seconds=30, what=f"{count} events of the request in {topic.name}")
        assert len(found) == count
        return found


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
        "S3_BUCKET_REQUESTS": BUCKET,
        "S3_BUCKET_IMAGES": IMAGES_BUCKET,
        "URL_SIGNING_KEY": "a key for tests only",
        "AUTH": "off",
        "CHUNK_SIZE": "2",
        "WINDOW_CHUNKS": "2",
        "SWEEP_SECONDS": "0.2",
    }
    settings = IngestSettings.model_validate({name.lower(): value for name, value in environment.items()})
    await migrate(settings.database_url.get_secret_value())
    store = open_object_store(settings)
    await prepare_bucket(store, BUCKET)
    await prepare_bucket(store, IMAGES_BUCKET)
    connection = KafkaConnection(settings)
    await create_topics(connection, partitioned("embedded"))
    place = Place(environment, connection, store, Database(settings), EventProducer(connection, "pixelmill/test"))
    try:
        yield place
    finally:
        await asyncio.gather(*(ingest.kill() for ingest in place.started if ingest.process.returncode is None))
        await place.producer.stop()
        await place.database.close()
        await store.close()


def _record(item: Any) -> Record:
    return Record(item.topic, item.partition, item.offset, item.key, item.value, tuple(item.headers))
