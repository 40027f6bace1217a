"""Two brokers behind one face: the twin in memory and real Kafka."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol
from uuid import uuid4

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.kafka.admin import create_topics
from shared.kafka.cloudevents import Headers
from shared.kafka.connection import KafkaConnection
from shared.kafka.consumer import DeadLetters
from shared.kafka.memory import MemoryBroker, MemoryFacts, MemoryRecords
from shared.kafka.producer import EventProducer, Facts
from shared.kafka.records import Record
from shared.kafka.retry_tiers import Appends
from shared.kafka.source import KafkaRecords, RecordSource
from shared.settings import KafkaSettings
from shared.topics import (
    IMAGES_DLT,
    IMAGES_REQUESTED_BULK,
    IMAGES_RETRY,
    REQUESTS_PROGRESS,
    UNDECODABLE_DLT,
    Topic,
)

PARTITIONS = 2
RETRY_1S = IMAGES_RETRY[0]
TOPICS = (REQUESTS_PROGRESS, IMAGES_REQUESTED_BULK, RETRY_1S, IMAGES_DLT, UNDECODABLE_DLT)


class FactsAndDeadLetters(Facts, DeadLetters, Appends, Protocol):
    """Publishes events, appends records as they are, and keeps undecodable ones."""


class Broker(Protocol):
    facts: FactsAndDeadLetters

    def source(self, group: str, topics: Sequence[Topic]) -> RecordSource: ...

    async def append_raw(self, topic: Topic, *, key: bytes, value: bytes, headers: Headers = ()) -> None: ...

    async def committed(self, group: str, topic: Topic) -> int:
        """How many records of the topic lie below the group's committed offsets."""
        ...

    async def records(self, topic: Topic) -> list[Record]: ...

    async def close(self) -> None: ...


class InMemory:
    def __init__(self) -> None:
        self._broker = MemoryBroker(partitions=PARTITIONS)
        self.facts: FactsAndDeadLetters = MemoryFacts(self._broker)

    def source(self, group: str, topics: Sequence[Topic]) -> RecordSource:
        return MemoryRecords(self._broker, group=group, topics=topics)

    async def append_raw(self, topic: Topic, *, key: bytes, value: bytes, headers: Headers = ()) -> None:
        self._broker.append(topic.name, key=key, value=value, headers=headers)

    async def committed(self, group: str, topic: Topic) -> int:
        offsets = self._broker.group(group).committed
        return sum(offsets.get(partition, 0) for partition in self._broker.partitions(topic.name))

    async def records(self, topic: Topic) -> list[Record]:
        return self._broker.records(topic.name)

    async def close(self) -> None:
        pass


class OnKafka:
    """Topics of its own on the real broker, told apart by their prefix."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._connection = KafkaConnection(
            KafkaSettings(
                kafka_bootstrap_servers=bootstrap_servers,
                kafka_topic_prefix=f"test-{uuid4().hex[:8]}.",
                kafka_replication_factor=1,
                kafka_partitions="embedded",
                kafka_session_timeout_seconds=6,
            )
        )
        self._producer = EventProducer(self._connection, "pixelmill/test")
        self.facts: FactsAndDeadLetters = self._producer

    async def start(self) -> None:
        await create_topics(self._connection, [_with_partitions(topic) for topic in TOPICS])

    def source(self, group: str, topics: Sequence[Topic]) -> RecordSource:
        return KafkaRecords(self._connection, group=self._group(group), topics=topics)

    async def append_raw(self, topic: Topic, *, key: bytes, value: bytes, headers: Headers = ()) -> None:
        options = {"compression_type": "lz4", "max_request_size": 10_000_000}
        async with AIOKafkaProducer(**self._connection.client_options(), **options) as producer:
            await producer.send_and_wait(self._connection.topic(topic), value, key=key, headers=list(headers))

    async def committed(self, group: str, topic: Topic) -> int:
        partitions = self._partitions(topic)
        async with self._reader(group_id=self._group(group)) as reader:
            reader.assign(partitions)
            return sum([await reader.committed(partition) or 0 for partition in partitions])

    async def records(self, topic: Topic) -> list[Record]:
        found: list[Record] = []
        async with self._reader() as reader:
            partitions = self._partitions(topic)
            reader.assign(partitions)
            await reader.seek_to_beginning(*partitions)
            ends = await reader.end_offsets(partitions)
            while any([await reader.position(partition) < end for partition, end in ends.items()]):
                for items in (await reader.getmany(timeout_ms=200)).values():
                    found += [Record(i.topic, i.partition, i.offset, i.key, i.value, tuple(i.headers)) for i in items]
        return found

    async def close(self) -> None:
        await self._producer.stop()

    def _group(self, name: str) -> str:
        return self._connection.group("test", name)

    def _partitions(self, topic: Topic) -> list[aiokafka.TopicPartition]:
        return [aiokafka.TopicPartition(self._connection.topic(topic), number) for number in range(PARTITIONS)]

    def _reader(self, **options: str) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(**self._connection.client_options(), enable_auto_commit=False, **options)


def _with_partitions(topic: Topic) -> Topic:
    return replace(topic, partitions=PARTITIONS)
