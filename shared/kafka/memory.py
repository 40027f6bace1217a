"""A broker in memory: the twin of Kafka for tests. The same behaviour suite runs on it and on the real broker."""

import asyncio
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from shared.events import Event
from shared.kafka.cloudevents import Encoded, Headers, encode
from shared.kafka.dead_letters import undecodable_letter
from shared.kafka.records import Record, TopicPartition
from shared.kafka.source import OnPartitions
from shared.topics import UNDECODABLE_DLT, Topic
from shared.trace_context import current_traceparent


class MemoryBroker:
    """Topics as lists, groups with eager rebalances. Every topic has the same number of partitions."""

    def __init__(self, *, partitions: int = 2, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._partitions = partitions
        self.now = now
        self._logs: dict[TopicPartition, list[Record]] = defaultdict(list)
        self._groups: dict[str, _Group] = {}
        self._grown = asyncio.Event()

    def append(self, topic: str, *, key: bytes, value: bytes, headers: Headers = ()) -> Record:
        partition = TopicPartition(topic, zlib.crc32(key) % self._partitions)
        offset = len(self._logs[partition])
        timestamp_ms = int(self.now().timestamp() * 1000)
        record = Record(topic, partition.partition, offset, key, value, headers, timestamp_ms)
        self._logs[partition].append(record)
        self._grown.set()
        return record

    def records(self, topic: str) -> list[Record]:
        """All records of a topic, partition by partition."""
        return [record for partition in self.partitions(topic) for record in self._logs[partition]]

    def partitions(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in range(self._partitions)]

    def log(self, partition: TopicPartition) -> list[Record]:
        return self._logs[partition]

    def group(self, name: str) -> "_Group":
        return self._groups.setdefault(name, _Group())

    async def wait_for_more(self, seconds: float) -> None:
        self._grown.clear()
        try:
            await asyncio.wait_for(self._grown.wait(), seconds)
        except TimeoutError:
            return


class MemoryFacts:
    """Publishes into a `MemoryBroker` as `EventProducer` does into Kafka."""

    def __init__(self, broker: MemoryBroker, *, prefix: str = "", source: str = "pixelmill/test") -> None:
        self._broker = broker
        self._prefix = prefix
        self._source = source

    async def publish(self, topic: Topic, *events: Event) -> None:
        for event in events:
            now = self._broker.now()
            await self.append(topic, encode(event, source=self._source, now=now, traceparent=current_traceparent()))

    async def dead_letter(self, record: Record, *, reason: str) -> None:
        await self.append(UNDECODABLE_DLT, undecodable_letter(record, reason))

    async def append(self, topic: Topic, record: Encoded) -> None:
        self._broker.append(self._prefix + topic.name, key=record.key, value=record.value, headers=record.headers)


class _Group:
    def __init__(self) -> None:
        self.members: list[MemoryRecords] = []
        self.committed: dict[TopicPartition, int] = {}
        self._rebalancing = asyncio.Lock()

    async def join(self, member: "MemoryRecords") -> None:
        async with self._rebalancing:
            await self._revoke_all()
            self.members.append(member)
            await self._assign_all()

    async def leave(self, member: "MemoryRecords") -> None:
        async with self._rebalancing:
            if member in self.members:
                self.members.remove(member)
                await self._revoke_all()
                await self._assign_all()

    async def _revoke_all(self) -> None:
        await asyncio.gather(*(member.revoke() for member in self.members))

    async def _assign_all(self) -> None:
        if not self.members:
            return
        partitions = sorted({partition for member in self.members for partition in member.subscribed()})
        for place, member in enumerate(self.members):
            await member.assign(partitions[place :: len(self.members)])


class MemoryRecords:
    """A group member on a `MemoryBroker`; implements `RecordSource`."""

    def __init__(self, broker: MemoryBroker, *, group: str, topics: Sequence[Topic], prefix: str = "") -> None:
        self._broker = broker
        self._group = broker.group(group)
        self._topics = {prefix + topic.name: topic for topic in topics}
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()

    @property
    def topics(self) -> Mapping[str, Topic]:
        return self._topics

    def subscribed(self) -> list[TopicPartition]:
        return [partition for topic in self._topics for partition in self._broker.partitions(topic)]

    async def start(self, on_revoked: OnPartitions, on_assigned: OnPartitions) -> None:
        self._on_revoked, self._on_assigned = on_revoked, on_assigned
        await self._group.join(self)

    async def poll(self, *, timeout_seconds: float, max_records: int) -> Mapping[TopicPartition, Sequence[Record]]:
        batch = self._available(max_records)
        if not batch:
            await self._broker.wait_for_more(timeout_seconds)
            batch = self._available(max_records)
        return batch

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        self._paused |= set(partitions)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        self._paused -= set(partitions)

    async def rewind(self, partitions: Iterable[TopicPartition]) -> None:
        for partition in partitions:
            self._positions[partition] = self._group.committed.get(partition, 0)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        owned = {partition: offset for partition, offset in offsets.items() if partition in self._positions}
        self._group.committed |= owned

    async def stop(self) -> None:
        await self._group.leave(self)

    async def revoke(self) -> None:
        await self._on_revoked(set(self._positions))
        self._positions.clear()
        self._paused.clear()

    async def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self._positions = {partition: self._group.committed.get(partition, 0) for partition in partitions}
        await self._on_assigned(set(partitions))

    def _available(self, max_records: int) -> dict[TopicPartition, Sequence[Record]]:
        batch: dict[TopicPartition, Sequence[Record]] = {}
        for partition, position in self._positions.items():
            if partition not in self._paused and max_records > 0:
                records = self._broker.log(partition)[position : position + max_records]
                if records:
                    batch[partition] = records
                    max_records -= len(records)
                    self._positions[partition] = position + len(records)
        return batch
