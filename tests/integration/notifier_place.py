"""Where a notifier runs for tests: its environment, what others write there, and the receiver of its webhooks."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.migrate import migrate
from services.notifier.settings import NotifierSettings
from services.notifier.wiring import TOPICS
from shared.events import RequestCompleted
from shared.ids import RequestId
from shared.kafka.admin import create_topics
from shared.kafka.connection import KafkaConnection
from shared.kafka.producer import EventProducer
from shared.kafka.records import Record
from shared.kafka.source import record_of
from shared.object_keys import request_object
from shared.object_store import ObjectStore, open_object_store
from shared.request_files import RequestFile
from shared.topics import REQUESTS_COMPLETED, UNDECODABLE_DLT, WEBHOOKS_DLT, Topic, partitioned
from tests.plain_http import plain_http
from tests.ports import free_port
from tests.scripted_server import ScriptedServer, scripted_server
from tests.stack import StackForTests
from tests.unit.notifier.fakes import MASTER_KEY, NOON, SECRET_TEXT, completed
from tests.waiting import until


@dataclass
class Place:
    """Where the notifier runs: its environment, what others write there, and the receiver of its webhooks."""

    environment: Mapping[str, str]
    store: ObjectStore
    producer: EventProducer
    receiver: ScriptedServer
    settings: NotifierSettings
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.http_port}"

    async def start(self) -> None:
        """Start the notifier; return when it is ready."""
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.notifier", env=self.environment)
        self.processes.append(process)
        await until(self._is_ready, seconds=60, what="the notifier is ready")

    async def kill(self) -> None:
        self.processes[-1].kill()
        await self.processes.pop().wait()

    async def stop(self) -> int:
        """Stop the notifier as its supervisor would, and return its exit code."""
        self.processes[-1].terminate()
        return await asyncio.wait_for(self.processes.pop().wait(), 40)

    async def complete(self, callback_url: str | None) -> RequestCompleted:
        """A request that ends, as ingest and aggregator leave it."""
        event = await self.prepare(callback_url)
        await self.publish(event)
        return event

    async def prepare(self, callback_url: str | None) -> RequestCompleted:
        """A request that is about to end."""
        event = completed(RequestId(str(uuid4())))
        await self.store.put(
            self.settings.s3_bucket_requests,
            request_object(event.request_id),
            request_file(event, callback_url).model_dump_json().encode(),
            content_type="application/json",
        )
        return event

    async def publish(self, *events: RequestCompleted) -> None:
        await self.producer.publish(REQUESTS_COMPLETED, *events)

    async def records(self, topic: Topic) -> list[Record]:
        """All that stands in a topic."""
        connection = KafkaConnection(self.settings)
        numbers = range(next(one.partitions for one in partitioned(connection.partitioning) if one.name == topic.name))
        partitions = [TopicPartition(connection.topic(topic), number) for number in numbers]
        found: list[Record] = []
        async with AIOKafkaConsumer(**connection.client_options(), enable_auto_commit=False) as reader:
            reader.assign(partitions)
            await reader.seek_to_beginning(*partitions)
            ends = await reader.end_offsets(partitions)
            while any([await reader.position(partition) < end for partition, end in ends.items()]):
                for items in (await reader.getmany(timeout_ms=200)).values():
                    found += [record_of(item) for item in items]
        return found

    async def deliveries(self, event: RequestCompleted) -> list[dict[str, Any]]:
        answer = await self.get(f"/v1/requests/{event.request_id}/deliveries")
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def get(self, path: str) -> httpx2.Response:
        async with plain_http(base_url=self.url) as client:
            return await client.get(path)

    async def letters(self) -> list[Record]:
        """The dead letters, once there are any."""
        await until(lambda: self.records(WEBHOOKS_DLT), seconds=30, what="a dead letter")
        return await self.records(WEBHOOKS_DLT)

    async def settled(self, event: RequestCompleted, *, seconds: float = 30) -> dict[str, Any]:
        """The one delivery of a request, once an attempt at it is on record."""

        async def found() -> object:
            return [one for one in await self.deliveries(event) if one["state"] != "pending"]

        await until(found, seconds=seconds, what="a delivery is settled")
        (delivery,) = await self.deliveries(event)
        return delivery

    async def attempted(self, event: RequestCompleted, times: int = 1) -> dict[str, Any]:
        """The one delivery of a request, once so many attempts at it are on record."""

        async def found() -> object:
            return [one for one in await self.deliveries(event) if len(one["attempts"]) >= times]

        await until(found, seconds=30, what="a webhook is attempted")
        (delivery,) = await self.deliveries(event)
        return delivery

    async def _is_ready(self) -> bool:
        assert self.processes[-1].returncode is None, "the notifier has ended"
        try:
            return (await self.get("/readyz")).status_code == 200
        except httpx2.TransportError:
            return False


def request_file(event: RequestCompleted, callback_url: str | None) -> RequestFile:
    return RequestFile.model_validate(
        {
            "request_id": event.request_id,
            "owner": event.owner,
            "rows": 3,
            "images_total": 3,
            "chunks_total": 1,
            "chunk_size": 250,
            "window": 16,
            "lane": "express",
            "accepted_at": NOON,
            "deadline_at": NOON,
            "recipe": {"name": "default", "renditions": [{"name": "compressed"}]},
            "csv": {"columns": ["a"], "serial_column": 0, "name_column": 0, "urls_column": 0},
            "callback_url": callback_url,
        }
    )


def environment_for(stack: StackForTests, more: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        **stack.environment(),
        "KAFKA_TOPIC_PREFIX": f"notifier-{uuid4().hex[:8]}.",
        "KAFKA_SESSION_TIMEOUT_SECONDS": "6",
        "HTTP_PORT": str(free_port()),
        "WEBHOOK_SECRET": SECRET_TEXT,
        "WEBHOOK_SECRETS_KEY": MASTER_KEY,
        "AUTH": "off",
        "FETCH_ALLOW_NETWORKS": "127.0.0.0/8",
        **more,
    }


@asynccontextmanager
async def place_on(stack: StackForTests, **more: str) -> AsyncIterator[Place]:
    """A place for a notifier with `more` settings; what was started in it is killed at the end."""
    environment = environment_for(stack, more)
    settings = NotifierSettings.model_validate({name.lower(): value for name, value in environment.items()})
    await migrate(environment["DATABASE_URL"])
    connection = KafkaConnection(settings)
    wanted = {topic.name for topic in (*TOPICS, WEBHOOKS_DLT, UNDECODABLE_DLT)}
    await create_topics(connection, [one for one in partitioned(connection.partitioning) if one.name in wanted])
    store = open_object_store(settings)
    await store.create_bucket(settings.s3_bucket_requests)
    producer = EventProducer(connection, "pixelmill/aggregator")
    with scripted_server() as receiver:
        place = Place(environment, store, producer, receiver, settings)
        try:
            yield place
        finally:
            while place.processes:
                await place.kill()
            await producer.stop()
            await store.close()
