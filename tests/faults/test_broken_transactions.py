"""Rule 8: the publisher dies inside its transaction. What it left open is never seen, and is published once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from services.aggregator.adapters.kafka_completions import CompletionPublisher
from services.aggregator.adapters.postgres_requests import PostgresRequests
from services.aggregator.adapters.s3_requests import S3Requests
from services.aggregator.domain.completion import Places, Tally
from services.aggregator.known_requests import KnownRequests
from services.aggregator.on_request_assembled import OnRequestAssembled
from services.aggregator.request_end import WrittenCsvs
from shared.events import RequestAssembled
from shared.ids import LOCAL_OWNER
from shared.kafka.cloudevents import encode
from shared.kafka.records import Received, Trigger
from shared.topics import REQUESTS_ASSEMBLED, REQUESTS_COMPLETED
from tests.integration.aggregator_place import BUCKETS, Place, place_on
from tests.stack import StackForTests
from tests.waiting import until

pytestmark = pytest.mark.stack

STEPS = ("begin", "send", "send offsets")


@pytest.fixture
async def place(stack: StackForTests) -> AsyncIterator[Place]:
    async with place_on(stack) as found:
        yield found


def now() -> datetime:
    return datetime.now(UTC)


def handler(place: Place) -> OnRequestAssembled:
    rows = PostgresRequests(place.database)
    known = KnownRequests(rows, S3Requests(place.store, BUCKETS[0]), now=now)
    return OnRequestAssembled(known, rows, places=Places("http://x.example", BUCKETS[0]), now=now)


async def assembled(place: Place) -> Received[RequestAssembled]:
    """A request that has all but its completion, and the record that says so."""
    request = await place.submit(2, accepted=False)
    rows, request_id = PostgresRequests(place.database), request.request_id
    await rows.insert(request.file)
    await rows.claim_end(request_id, state="completed", trigger=Trigger("t", 0, 0), at=now())
    await rows.store_assembly(request_id, Tally(succeeded=2), WrittenCsvs("aa", None, {}), at=now())
    event = RequestAssembled(
        request_id=request_id, owner=LOCAL_OWNER, state="completed", output_key="k", failures_key=None
    )
    await place.publish(REQUESTS_ASSEMBLED, [event])
    found = await place.read(REQUESTS_ASSEMBLED)
    (trigger,) = [each.trigger for each in found if each.event.request_id == request_id]
    return Received(event, trigger)


async def dies_after(place: Place, step: str, received: Received[RequestAssembled]) -> None:
    """Be a publisher that marks the request, and dies after a step of its transaction."""
    completion = await handler(place)(received)
    assert completion is not None
    record = encode(completion, source="pixelmill/test", now=now())
    group, partition = place.connection.group("aggregator", "publisher"), TopicPartition(*received.trigger[:2])
    client = AIOKafkaProducer(
        **place.connection.client_options(),
        transactional_id=f"{group}.{partition.topic}.{partition.partition}",
        acks="all",
    )
    await client.start()
    await client.begin_transaction()
    if step != "begin":
        topic = place.connection.topic(REQUESTS_COMPLETED)
        await client.send_and_wait(topic, record.value, key=record.key, headers=list(record.headers))
    if step == "send offsets":
        await client.send_offsets_to_transaction({partition: received.trigger.offset + 1}, group)
    await client.stop()


async def test_what_a_dead_publisher_left_open_is_published_once_by_its_successor(place: Place) -> None:
    events = []
    for step in STEPS:
        events.append(received := await assembled(place))
        await dies_after(place, step, received)
        publisher = CompletionPublisher(place.connection, handler(place), dead_letters=place.producer, now=now)
        running = asyncio.create_task(publisher.run(asyncio.Event()))
        try:
            await until(lambda: _ids_count(place, len(events)), seconds=40, what=f"after a death in {step}")
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
    wanted = sorted(received.event.request_id for received in events)
    assert sorted(received.event.request_id for received in await place.read(REQUESTS_COMPLETED)) == wanted


async def _ids_count(place: Place, count: int) -> bool:
    return len(await place.read(REQUESTS_COMPLETED)) >= count
