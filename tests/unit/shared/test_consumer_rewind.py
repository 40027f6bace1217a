"""A batch that was polled while partitions changed hands is read again, and nothing passes it by."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from shared.events import ChunkAdvanced
from shared.ids import Owner, RequestId
from shared.kafka.consumer import Consumer, Handling
from shared.kafka.memory import MemoryBroker, MemoryFacts
from shared.kafka.records import Received, Record, TopicPartition
from shared.kafka.source import OnPartitions
from shared.topics import REQUESTS_PROGRESS, Topic
from tests.waiting import until

BATCH = 3


class ReassignedDuringItsFirstPoll:
    """One partition whose first poll belongs to the assignment before, and which goes on from there."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self._partition = TopicPartition(REQUESTS_PROGRESS.name, 0)
        self._position = 0
        self._polls = 0
        self.committed: list[int] = []

    @property
    def topics(self) -> Mapping[str, Topic]:
        return {REQUESTS_PROGRESS.name: REQUESTS_PROGRESS}

    async def start(self, on_revoked: OnPartitions, on_assigned: OnPartitions) -> None:
        self._on_revoked, self._on_assigned = on_revoked, on_assigned
        await on_assigned({self._partition})

    async def poll(self, *, timeout_seconds: float, max_records: int) -> Mapping[TopicPartition, Sequence[Record]]:
        self._polls += 1
        if self._polls == 1:
            await self._on_revoked({self._partition})
            await self._on_assigned({self._partition})
        batch = self._records[self._position : self._position + BATCH]
        self._position += len(batch)
        await asyncio.sleep(0 if batch else timeout_seconds)
        return {self._partition: batch} if batch else {}

    def pause(self, partitions: Iterable[TopicPartition]) -> None: ...

    def resume(self, partitions: Iterable[TopicPartition]) -> None: ...

    async def rewind(self, partitions: Iterable[TopicPartition]) -> None:
        self._position = self.committed[-1] if self.committed else 0

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.committed += offsets.values()

    async def stop(self) -> None: ...


async def test_a_batch_from_before_a_rebalance_comes_again_before_what_follows_it() -> None:
    broker = MemoryBroker(partitions=1)
    facts = MemoryFacts(broker)
    for chunk in range(9):
        event = ChunkAdvanced(
            request_id=RequestId("00000000-0000-4000-8000-000000000000"),
            owner=Owner("local"),
            chunk=chunk,
            chunks_total=9,
            window=1,
        )
        await facts.publish(REQUESTS_PROGRESS, event)
    source = ReassignedDuringItsFirstPoll(broker.records(REQUESTS_PROGRESS.name))
    handled: list[int] = []

    async def handle(received: Received[ChunkAdvanced]) -> None:
        handled.append(received.trigger.offset)

    stop = asyncio.Event()
    handling = Handling(in_flight=1, commit_seconds=0)
    consumer = Consumer(source, handlers={ChunkAdvanced: handle}, dead_letters=facts, handling=handling)
    running = asyncio.create_task(consumer.run(stop))
    await until(lambda: source.committed and source.committed[-1] == len(range(9)))
    stop.set()
    await running
    assert handled == list(range(9))
    assert source.committed == sorted(source.committed)
