"""The changelog of the chunk table has older values than the rows: rows are right, and the request completes."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.aggregator.adapters.faust_chunks import changelog_name
from shared.events import ChunkAdvanced, ChunkCompleted
from shared.kafka.records import Record
from shared.kafka.source import record_of
from shared.topics import REQUESTS_PROGRESS
from tests.integration.aggregator_place import Place, place_on
from tests.stack import StackForTests
from tests.waiting import until

pytestmark = pytest.mark.stack


@pytest.fixture
async def place(stack: StackForTests) -> AsyncIterator[Place]:
    async with place_on(stack) as found:
        yield found


async def changelog(place: Place) -> list[Record]:
    found: list[Record] = []
    name, options = changelog_name(place.connection), place.connection.client_options()
    async with AIOKafkaConsumer(name, **options, auto_offset_reset="earliest") as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for items in (await consumer.getmany(timeout_ms=200)).values():
                found += [record_of(item) for item in items]
    return found


async def test_values_of_yesterday_in_the_changelog_are_corrected_by_the_rows(place: Place) -> None:
    stream = await place.start("stream")
    request = await place.submit(20)
    results = request.results()
    await place.process([results[0], results[10]])
    await until(lambda: changelog(place), seconds=30, what="a value is written")
    older = await changelog(place)
    await place.process([*results[1:9], *results[11:19]])
    await until(lambda: has_rows(place, 18), seconds=30, what="rows are ahead of the changelog")
    assert await stream.stop() == 0
    async with AIOKafkaProducer(**place.connection.client_options()) as producer:
        for record in older:
            await producer.send_and_wait(
                record.topic, record.value, key=record.key, partition=record.partition, headers=list(record.headers)
            )
    await place.start("stream")
    await place.start("finisher", "api")
    await place.process([results[9], results[19]])
    completion = await place.until_published(request)
    assert (completion.images.total, completion.images.succeeded, completion.images.failed) == (20, 18, 2)
    said = [received.event for received in await place.read(REQUESTS_PROGRESS)]
    assert len([event for event in said if isinstance(event, ChunkAdvanced)]) == 2
    assert len([event for event in said if isinstance(event, ChunkCompleted)]) == 2


async def has_rows(place: Place, count: int) -> bool:
    rows: int = await place.value("SELECT count(*) FROM aggregator.results")
    return rows >= count
