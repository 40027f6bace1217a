"""The publisher on a real Kafka: transactions, fencing, and ends between mark and commit."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.aggregator.adapters.kafka_completions import CompletionPublisher
from services.aggregator.adapters.kafka_transactions import Fenced, PartitionTransactions
from services.aggregator.adapters.postgres_requests import PostgresRequests
from services.aggregator.adapters.s3_requests import S3Requests
from services.aggregator.domain.completion import Places, Tally
from services.aggregator.known_requests import KnownRequests
from services.aggregator.on_request_assembled import OnRequestAssembled
from services.aggregator.request_end import WrittenCsvs
from shared.events import RequestAssembled, RequestCompleted
from shared.ids import LOCAL_OWNER
from shared.kafka.cloudevents import Encoded
from shared.kafka.records import Received, Trigger
from shared.topics import REQUESTS_ASSEMBLED, REQUESTS_COMPLETED
from tests.integration.aggregator_place import BUCKETS, Place, place_on
from tests.stack import StackForTests
from tests.waiting import until

pytestmark = pytest.mark.stack

Completions = Callable[[Received[RequestAssembled]], Awaitable[RequestCompleted | None]]


@pytest_asyncio.fixture
async def place(stack: StackForTests) -> AsyncIterator[Place]:
    async with place_on(stack) as found:
        yield found


def now() -> datetime:
    return datetime.now(UTC)


def handler(place: Place) -> OnRequestAssembled:
    rows = PostgresRequests(place.database)
    known = KnownRequests(rows, S3Requests(place.store, BUCKETS[0]), now=now)
    return OnRequestAssembled(known, rows, places=Places("http://x.example", BUCKETS[0]), now=now)


@asynccontextmanager
async def publishing(place: Place, completions: Completions) -> AsyncIterator[asyncio.Task[None]]:
    """A publisher that runs while the block does, and is then ended as by a kill."""
    publisher = CompletionPublisher(place.connection, completions, dead_letters=place.producer, now=now)
    running = asyncio.create_task(publisher.run(asyncio.Event()))
    try:
        yield running
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def assembled(place: Place) -> RequestAssembled:
    """A request that has all but its completion."""
    request = await place.submit(2, accepted=False)
    rows = PostgresRequests(place.database)
    await rows.insert(request.file)
    trigger = Trigger("requests.progress.v1", 0, 0)
    await rows.claim_end(request.request_id, state="completed", trigger=trigger, at=now())
    await rows.store_assembly(request.request_id, Tally(succeeded=2), WrittenCsvs("aa", None, {}), at=now())
    return RequestAssembled(
        request_id=request.request_id,
        owner=LOCAL_OWNER,
        state="completed",
        output_key=f"{request.request_id}/output.csv",
        failures_key=None,
    )


async def completed_ids(place: Place) -> list[str]:
    return [received.event.request_id for received in await place.read(REQUESTS_COMPLETED)]


async def test_an_end_between_mark_and_commit_publishes_once(place: Place) -> None:
    event = await assembled(place)
    await place.publish(REQUESTS_ASSEMBLED, [event])
    handle, marked = handler(place), asyncio.Event()

    async def marks_and_hangs(received: Received[RequestAssembled]) -> RequestCompleted | None:
        await handle(received)
        marked.set()
        await asyncio.Event().wait()
        return None

    async with publishing(place, marks_and_hangs):
        await asyncio.wait_for(marked.wait(), 30)
    assert await completed_ids(place) == []

    async with publishing(place, handler(place)):
        await until(lambda: completed_ids(place), seconds=40, what="the completion is published")
        await place.publish(REQUESTS_ASSEMBLED, [event, event])
        last = await assembled(place)
        await place.publish(REQUESTS_ASSEMBLED, [last])
        await until(lambda: _has(place, last), seconds=30, what="the last completion is published")
    assert sorted(await completed_ids(place)) == sorted([event.request_id, last.request_id])


async def test_a_new_owner_gets_exactly_what_the_old_one_left(place: Place) -> None:
    events = [await assembled(place) for _ in range(20)]
    async with publishing(place, handler(place)), publishing(place, handler(place)):
        await place.publish(REQUESTS_ASSEMBLED, events[:10])
        await until(lambda: completed_ids(place), seconds=40, what="a completion is published")
    async with publishing(place, handler(place)):
        await place.publish(REQUESTS_ASSEMBLED, events[10:])
        await until(lambda: _count(place, 20), seconds=40, what="all completions are published")
    assert sorted(await completed_ids(place)) == sorted(event.request_id for event in events)


async def test_after_an_offset_reset_nothing_is_published_again(place: Place) -> None:
    first = await assembled(place)
    async with publishing(place, handler(place)):
        await place.publish(REQUESTS_ASSEMBLED, [first])
        await until(lambda: completed_ids(place), seconds=40, what="the completion is published")
    await PostgresRequests(place.database).set_published(first.request_id, at=now())
    await _forget_offsets(place)
    second = await assembled(place)
    async with publishing(place, handler(place)):
        await place.publish(REQUESTS_ASSEMBLED, [second])
        await until(lambda: _has(place, second), seconds=40, what="the second completion is published")
    assert sorted(await completed_ids(place)) == sorted([first.request_id, second.request_id])


async def test_a_fenced_producer_publishes_nothing_and_says_so(place: Place) -> None:
    old, new = _transactions(place), _transactions(place)
    await old.start()
    await new.start()
    event = await assembled(place)
    await place.publish(REQUESTS_ASSEMBLED, [event])
    try:
        with pytest.raises(Fenced):
            await old.publish(REQUESTS_COMPLETED, [_encoded(b"old")], next_offset=1)
        await new.publish(REQUESTS_COMPLETED, [_encoded(b"new")], next_offset=1)
    finally:
        await old.stop()
        await new.stop()
    assert await _keys(place) == [b"new"]


def _transactions(place: Place) -> PartitionTransactions:
    group = place.connection.group("aggregator", "publisher")
    partition = TopicPartition(place.connection.topic(REQUESTS_ASSEMBLED), 0)
    return PartitionTransactions(place.connection, group=group, partition=partition)


def _encoded(key: bytes) -> Encoded:
    return Encoded(key, b"{}", ())


async def _keys(place: Place) -> list[bytes | None]:
    """Keys of the completions that a `read_committed` reader sees."""
    consumer = AIOKafkaConsumer(
        place.connection.topic(REQUESTS_COMPLETED),
        **place.connection.client_options(),
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        keys: list[bytes | None] = []

        async def read() -> object:
            for items in (await consumer.getmany(timeout_ms=200)).values():
                keys.extend(item.key for item in items)
            ends = await consumer.end_offsets(consumer.assignment())
            return all([await consumer.position(partition) >= end for partition, end in ends.items()])

        await until(read, seconds=20, what="the topic is read")
        return keys
    finally:
        await consumer.stop()


async def _forget_offsets(place: Place) -> None:
    consumer = AIOKafkaConsumer(
        **place.connection.client_options(),
        group_id=place.connection.group("aggregator", "publisher"),
        enable_auto_commit=False,
    )
    partitions = [TopicPartition(place.connection.topic(REQUESTS_ASSEMBLED), number) for number in range(2)]
    consumer.assign(partitions)
    await consumer.start()
    try:
        await consumer.commit(dict.fromkeys(partitions, 0))
    finally:
        await consumer.stop()


async def _has(place: Place, event: RequestAssembled) -> bool:
    return event.request_id in await completed_ids(place)


async def _count(place: Place, count: int) -> bool:
    return len(await completed_ids(place)) >= count
