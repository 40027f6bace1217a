"""Every process of the system on the real parts, under names that tests stop, wake, kill and start again."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from signal import SIGCONT, SIGKILL, SIGTERM, Signals
from typing import Final

import aiokafka
import httpx2
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from shared.ids import RequestId
from shared.kafka.records import Record
from shared.kafka.source import record_of
from shared.topics import Topic
from tests.e2e.local_servers import PictureSource, WebhookReceiver, catalogue, serving
from tests.integration.aggregator_place import Place, place_on
from tests.plain_http import plain_http
from tests.ports import free_port
from tests.stack import StackForTests
from tests.unit.notifier.fakes import MASTER_KEY, SECRET_TEXT
from tests.waiting import until

READY_SECONDS: Final = 90.0
ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "ingest": ("services.ingest", "api", "planner"),
    "processor": ("services.processor",),
    "stream": ("services.aggregator", "stream"),
    "finisher": ("services.aggregator", "finisher", "api"),
    "notifier": ("services.notifier",),
}
SETTINGS: Final = {
    "CHUNK_SIZE": "4",
    "WINDOW_CHUNKS": "2",
    "SWEEP_SECONDS": "0.5",
    "CODEC_PROCESSES": "1",
    "WEBHOOK_SECRET": SECRET_TEXT,
    "WEBHOOK_SECRETS_KEY": MASTER_KEY,
    "FETCH_ALLOW_NETWORKS": "127.0.0.0/8",
}


@dataclass
class House:
    """One system; `running` has its processes by name, and the address of each."""

    place: Place
    source: PictureSource
    receiver: WebhookReceiver
    running: dict[str, tuple[asyncio.subprocess.Process, str]] = field(default_factory=dict)

    async def start(self, *names: str) -> None:
        """Start processes; return when all are ready. `stream 2` is a second `stream`."""
        for name in names:
            port = free_port()
            module, *roles = ROLES[name.split()[0]]
            environment = {**self.place.environment, **SETTINGS, "HTTP_PORT": str(port)}
            process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, *roles, env=environment)
            self.running[name] = process, f"http://127.0.0.1:{port}"
        await asyncio.gather(*(self._ready(name) for name in names))

    async def stop(self, *names: str) -> None:
        await self._end(names, SIGTERM)

    async def kill(self, *names: str) -> None:
        await self._end(names, SIGKILL)

    def signal(self, name: str, number: Signals) -> None:
        self.running[name][0].send_signal(number)

    async def until_told_by_restarted(self, request_id: RequestId) -> None:
        """Wait for the request's webhook, and start again whatever ends meanwhile, as a supervisor does."""

        async def told() -> bool:
            await self.start(*[name for name, (process, _) in self.running.items() if process.returncode is not None])
            return bool(self.webhooks(request_id))

        await until(told, seconds=90, what="the webhook has come")

    async def submit(self, images: int, *, missing: tuple[int, ...] = ()) -> RequestId:
        """Submit a catalogue with a callback URL."""
        csv = catalogue(self.source.url, images, missing=missing)
        async with plain_http(base_url=self.running["ingest"][1]) as client:
            options = {"callback_url": self.receiver.url}
            answer = await client.post("/v1/requests", files={"file": ("c.csv", csv)}, data=options)
        assert answer.status_code == 202, answer.text
        return RequestId(answer.json()["request_id"])

    async def until_told(self, request_id: RequestId, *, seconds: float = 60) -> None:
        """Wait for the request's webhook: the last thing that happens."""
        await until(lambda: self.webhooks(request_id), seconds=seconds, what="the webhook has come")

    def webhooks(self, request_id: RequestId) -> int:
        return sum(request_id.encode() in body for _, body in self.receiver.deliveries)

    async def append(self, topic: Topic, *records: Record) -> list[Record]:
        """Write records as they are, byte by byte, into the partitions that they name; return them with offsets."""
        options = self.place.connection.client_options()
        async with AIOKafkaProducer(**options, max_request_size=2_000_000) as producer:
            return [await self._append(producer, topic, record) for record in records]

    async def _append(self, producer: AIOKafkaProducer, topic: Topic, record: Record) -> Record:
        sent = await producer.send_and_wait(
            self.place.connection.topic(topic),
            record.value,
            key=record.key,
            partition=record.partition,
            headers=list(record.headers),
        )
        return Record(sent.topic, sent.partition, sent.offset, record.key, record.value, record.headers)

    async def records(self, topic: Topic) -> list[Record]:
        """Everything in a topic, as a `read_committed` reader sees it."""
        name, found = self.place.connection.topic(topic), list[Record]()
        options = self.place.connection.client_options()
        async with AIOKafkaConsumer(
            name, **options, auto_offset_reset="earliest", isolation_level="read_committed"
        ) as consumer:
            ends = await consumer.end_offsets(consumer.assignment())
            while any([await consumer.position(partition) < end for partition, end in ends.items()]):
                for items in (await consumer.getmany(timeout_ms=200)).values():
                    found += [record_of(item) for item in items]
        return found

    async def offsets(self) -> dict[str, dict[aiokafka.TopicPartition, int]]:
        """What every group of this system has committed."""
        admin = AIOKafkaAdminClient(**self.place.connection.client_options())
        await admin.start()
        try:
            prefix = self.place.settings.kafka_topic_prefix
            groups = [group for group, *_ in await admin.list_consumer_groups() if group.startswith(prefix)]
            return {
                group: {partition: found.offset for partition, found in offsets.items()}
                for group in groups
                if (offsets := await admin.list_consumer_group_offsets(group))
            }
        finally:
            await admin.close()

    async def commit(self, group: str, offsets: Mapping[aiokafka.TopicPartition, int]) -> None:
        """Commit for a group that has no members."""
        consumer = AIOKafkaConsumer(
            **self.place.connection.client_options(), group_id=group, enable_auto_commit=False
        )  # fmt: skip
        consumer.assign(list(offsets))
        await consumer.start()
        try:
            await consumer.commit(dict(offsets))
        finally:
            await consumer.stop()

    async def _end(self, names: Sequence[str], number: Signals) -> None:
        processes = [self.running.pop(name)[0] for name in names]
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
        await asyncio.wait_for(asyncio.gather(*(process.wait() for process in processes)), 60)

    async def _ready(self, name: str) -> None:
        process, url = self.running[name]

        async def is_ready() -> bool:
            assert process.returncode is None, f"{name} has ended"
            with contextlib.suppress(httpx2.TransportError):
                async with plain_http() as client:
                    return (await client.get(f"{url}/readyz")).status_code == 200
            return False

        await until(is_ready, seconds=READY_SECONDS, what=f"{name} is ready")


@asynccontextmanager
async def house_on(stack: StackForTests) -> AsyncIterator[House]:
    """All processes, ready; whatever runs at the end is killed."""
    with _served() as (source, receiver):
        async with place_on(stack) as place:
            house = House(place, source, receiver)
            try:
                await house.start(*ROLES)
                yield house
            finally:
                for name in house.running:
                    with contextlib.suppress(ProcessLookupError):
                        house.signal(name, SIGCONT)
                await house.kill(*house.running)


@contextmanager
def _served() -> Iterator[tuple[PictureSource, WebhookReceiver]]:
    source, receiver = PictureSource(), WebhookReceiver()
    with serving(source.server), serving(receiver.server):
        yield source, receiver
