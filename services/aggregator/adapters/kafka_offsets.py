"""How far consumer groups have read, seen from outside: nothing joins a group or moves an offset."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiokafka
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code

from services.aggregator.barrier import Places, Reader
from shared.errors import DependencyAway
from shared.kafka.connection import KafkaConnection
from shared.kafka.records import TopicPartition

PART: Final = "kafka"
TIMEOUT_SECONDS: Final = 20.0


class KafkaOffsets:
    """Connects for each question: they are rare."""

    def __init__(self, connection: KafkaConnection, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._connection = connection
        self._timeout_seconds = timeout_seconds

    async def ends(self, reader: Reader) -> Places:
        async with self._reachable(), self._admin() as admin, self._consumer() as consumer:
            partitions = await self._partitions(admin, reader)
            return _places(await consumer.end_offsets(partitions))

    async def read(self, reader: Reader) -> Places:
        """What is committed; where nothing is, or records are gone beyond it, the first offset that is there."""
        group = self._connection.group(reader.service, reader.role)
        async with self._reachable(), self._admin() as admin, self._consumer() as consumer:
            partitions = await self._partitions(admin, reader)
            committed = await admin.list_consumer_group_offsets(group, partitions=partitions)
            first = await consumer.beginning_offsets(partitions)
            # After the commits: an end that lies before one of them is that of another log.
            ends = await consumer.end_offsets(partitions)
        known = {partition: found.offset for partition, found in committed.items()}
        return _places({each: _read_up_to(known.get(each, 0), first[each], ends[each]) for each in partitions})

    async def _partitions(self, admin: AIOKafkaAdminClient, reader: Reader) -> list[aiokafka.TopicPartition]:
        described = await admin.describe_topics([self._connection.topic(topic) for topic in reader.topics])
        for topic in described:
            if topic["error_code"]:
                raise for_code(topic["error_code"])(topic["topic"])
        return [
            aiokafka.TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            for partition in topic["partitions"]
        ]

    @asynccontextmanager
    async def _reachable(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                yield
        except (KafkaError, OSError, TimeoutError) as error:
            raise DependencyAway(PART, f"offsets cannot be read: {error!r}") from error

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(**self._connection.client_options())
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(**self._connection.client_options())
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.stop()


def _places(offsets: dict[aiokafka.TopicPartition, int]) -> Places:
    return {TopicPartition(*partition): offset for partition, offset in offsets.items()}


def _read_up_to(committed: int, first: int, end: int) -> int:
    return first if committed > end else max(committed, first)
