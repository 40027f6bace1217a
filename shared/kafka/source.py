"""Where a consumer's records come from: the port, and its adapter for Kafka."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol

import aiokafka
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

from shared.errors import DependencyAway
from shared.kafka.connection import KafkaConnection
from shared.kafka.pace import Pace
from shared.kafka.records import Record, TopicPartition
from shared.topics import Topic

log = logging.getLogger(__name__)

COMMIT_SECONDS = 10.0

OnPartitions = Callable[[set[TopicPartition]], Awaitable[None]]

_LOST_OWNERSHIP = (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)


class RecordSource(Protocol):
    """A member of a consumer group. Rebalances are eager: all partitions are revoked, then the new ones assigned."""

    @property
    def topics(self) -> Mapping[str, Topic]:
        """The subscribed topics by their names on the cluster."""
        ...

    async def start(self, on_revoked: OnPartitions, on_assigned: OnPartitions) -> None:
        """Join the group. Raises `DependencyAway` when the broker does not answer; it may be called again then."""
        ...

    async def poll(self, *, timeout_seconds: float, max_records: int) -> Mapping[TopicPartition, Sequence[Record]]:
        """Return new records, after at most the timeout. Must be called regularly to stay in the group."""
        ...

    def pause(self, partitions: Iterable[TopicPartition]) -> None: ...

    def resume(self, partitions: Iterable[TopicPartition]) -> None: ...

    async def rewind(self, partitions: Iterable[TopicPartition]) -> None:
        """Go back to the committed offsets; quietly leaves out partitions that are lost. Raises `DependencyAway`."""
        ...

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit; quietly does nothing for partitions that are no longer owned. Raises `DependencyAway`."""
        ...

    async def stop(self) -> None: ...


class KafkaRecords:
    """A consumer group member on a real broker, that commits nothing by itself."""

    def __init__(self, connection: KafkaConnection, *, group: str, topics: Sequence[Topic]) -> None:
        self._connection = connection
        self._group = group
        self._topics = {connection.topic(topic): topic for topic in topics}
        self._client: AIOKafkaConsumer | None = None
        self._pace = Pace()

    @property
    def topics(self) -> Mapping[str, Topic]:
        return self._topics

    async def start(self, on_revoked: OnPartitions, on_assigned: OnPartitions) -> None:
        client = self._new_client()
        client.subscribe(list(self._topics), listener=_Listener(on_revoked, on_assigned))
        # Before the start, so that a start which is given up can be stopped.
        self._client = client
        try:
            await client.start()
        except (KafkaError, OSError) as error:
            await self.stop()
            raise DependencyAway("kafka", str(error)) from error

    async def poll(self, *, timeout_seconds: float, max_records: int) -> Mapping[TopicPartition, Sequence[Record]]:
        # The timeout is the client's own: a cancelled getmany would switch its poll interval check off for good.
        client = self._started
        batch = await client.getmany(timeout_ms=int(timeout_seconds * 1000), max_records=max_records)
        self._pace.adjust(client, is_awake=bool(batch or client.paused()))
        return {TopicPartition(*partition): [record_of(item) for item in items] for partition, items in batch.items()}

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        self._started.pause(*_foreign(partitions))

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        self._started.resume(*_foreign(partitions))

    async def rewind(self, partitions: Iterable[TopicPartition]) -> None:
        for partition in _foreign(partitions):
            try:
                await self._rewind(partition)
            except IllegalStateError:
                log.info("partition lost while it was rewound", extra={"lost": str(partition)})
            except KafkaError as error:
                raise DependencyAway("kafka", str(error)) from error

    async def _rewind(self, partition: aiokafka.TopicPartition) -> None:
        client = self._started
        offset = await client.committed(partition)
        if offset is None:
            await client.seek_to_beginning(partition)
        else:
            client.seek(partition, offset)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        try:
            # Without a broker the client would try for ever, and with it whoever stops.
            async with asyncio.timeout(COMMIT_SECONDS):
                await self._started.commit({aiokafka.TopicPartition(*key): offset for key, offset in offsets.items()})
        except _LOST_OWNERSHIP as error:
            log.info("offsets not committed, partitions are owned elsewhere", extra={"reason": type(error).__name__})
        except (KafkaError, TimeoutError) as error:
            raise DependencyAway("kafka", str(error) or "no answer") from error

    async def stop(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.stop()

    @property
    def _started(self) -> AIOKafkaConsumer:
        assert self._client is not None, "start() comes first"
        return self._client

    def _new_client(self) -> AIOKafkaConsumer:
        options = self._connection.consumer_options(self._group)
        return AIOKafkaConsumer(**options, max_partition_fetch_bytes=1024 * 1024)


class _Listener(ConsumerRebalanceListener):
    def __init__(self, on_revoked: OnPartitions, on_assigned: OnPartitions) -> None:
        self._on_revoked = on_revoked
        self._on_assigned = on_assigned

    async def on_partitions_revoked(self, revoked: Iterable[aiokafka.TopicPartition]) -> None:
        await self._on_revoked({TopicPartition(*partition) for partition in revoked})

    async def on_partitions_assigned(self, assigned: Iterable[aiokafka.TopicPartition]) -> None:
        await self._on_assigned({TopicPartition(*partition) for partition in assigned})


def kafka_records(connection: KafkaConnection, *, group: str, topics: Sequence[Topic]) -> KafkaRecords:
    """A source for `Consumer`: `topics` read as a member of `group`."""
    return KafkaRecords(connection, group=group, topics=topics)


def _foreign(partitions: Iterable[TopicPartition]) -> list[aiokafka.TopicPartition]:
    return [aiokafka.TopicPartition(*partition) for partition in partitions]


def record_of(item: aiokafka.ConsumerRecord[bytes, bytes]) -> Record:
    """The client's record as ours."""
    return Record(
        topic=item.topic,
        partition=item.partition,
        offset=item.offset,
        key=item.key,
        value=item.value,
        headers=tuple(item.headers),
        timestamp_ms=item.timestamp,
    )
