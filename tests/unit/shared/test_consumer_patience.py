"""How long a consumer waits for new records before it looks at those that it has."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from shared.events import ImageRequested
from shared.kafka.consumer import POLL_SECONDS, Consumer
from shared.kafka.memory import MemoryBroker, MemoryFacts, MemoryRecords
from shared.kafka.records import Received, Record, TopicPartition
from shared.topics import IMAGES_RETRY
from tests.image_events import image_requested
from tests.waiting import until

TIER = IMAGES_RETRY[0]
APPENDED = datetime(2026, 1, 1, tzinfo=UTC)


class Patient(MemoryRecords):
    """Remembers how long it was to wait, and waits no longer than a moment."""

    def __init__(self, broker: MemoryBroker) -> None:
        super().__init__(broker, group="patience", topics=[TIER])
        self.waits: list[float] = []

    async def poll(self, *, timeout_seconds: float, max_records: int) -> Mapping[TopicPartition, Sequence[Record]]:
        self.waits.append(timeout_seconds)
        return await super().poll(timeout_seconds=min(timeout_seconds, 0.01), max_records=max_records)


async def test_it_waits_until_a_record_of_a_retry_tier_is_due_and_then_starts_it() -> None:
    broker = MemoryBroker(partitions=1, now=lambda: APPENDED)
    facts = MemoryFacts(broker)
    await facts.publish(TIER, image_requested())
    source, handled = Patient(broker), asyncio.Event()
    now = APPENDED.timestamp() + 0.4

    async def handle(_received: Received[ImageRequested]) -> None:
        handled.set()

    stop = asyncio.Event()
    consumer = Consumer(source, handlers={ImageRequested: handle}, dead_letters=facts, now=lambda: now)
    running = asyncio.create_task(consumer.run(stop))
    left = TIER.delay.total_seconds() - 0.4
    await until(lambda: len(source.waits) >= 3)
    assert source.waits[0] == POLL_SECONDS
    assert source.waits[2] == pytest.approx(left, abs=1e-3)
    assert not handled.is_set()
    now += left
    await asyncio.wait_for(handled.wait(), 5)
    await until(lambda: source.waits[-1] == POLL_SECONDS)
    stop.set()
    await running
