"""The watchdog on a real Kafka, Postgres and S3: whatever is lost on the way, the request reaches its end."""

import asyncio
import csv
import io
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aiokafka
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer

from services.aggregator.adapters.kafka_offsets import KafkaOffsets
from services.aggregator.adapters.postgres_results import PostgresResults
from services.aggregator.barrier import PLANNER, PROCESSORS, STREAM, Reader
from shared.errors import DependencyAway
from shared.events import ImageRequested
from shared.kafka.connection import KafkaConnection
from shared.kafka.consumer import Consumer
from shared.kafka.records import Received, TopicPartition, Trigger
from shared.kafka.source import kafka_records
from shared.topics import (
    IMAGES_PROCESSED,
    IMAGES_REQUESTED_BULK,
    IMAGES_REQUESTED_EXPRESS,
    IMAGES_RETRY,
    REQUESTS_ACCEPTED,
    REQUESTS_PROGRESS,
    WEBHOOKS_DLT,
)
from tests.integration.aggregator_place import READY_SECONDS, Place, Request, place_on
from tests.ports import free_port
from tests.stack import StackForTests
from tests.waiting import until

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]

_RELEASED = "INSERT INTO ingest.released_chunks (request_id, chunk, trigger) VALUES ($1, $2, 'elsewhere/0/1')"
_ANNOUNCED = "UPDATE ingest.requests SET announced_at = now() WHERE request_id = $1"
_HAS_ROW = "SELECT 1 FROM aggregator.requests WHERE request_id = $1"
_RESULTS = "SELECT count(*) FROM aggregator.results WHERE request_id = $1"
_OVERDUE = "UPDATE aggregator.requests SET deadline_at = now() WHERE request_id = $1"


class Processor:
    """Answers every image that is requested, but for those that it forgets, and keeps what it was asked."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.asked: list[ImageRequested] = []
        self.known: dict[str, Request] = {}
        self.forgotten: set[tuple[str, int]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        connection = self.place.connection
        group = connection.group("processor", "images")
        topics = [IMAGES_REQUESTED_EXPRESS, IMAGES_REQUESTED_BULK, *IMAGES_RETRY]
        source = kafka_records(connection, group=group, topics=topics)
        await Consumer(source, handlers={ImageRequested: self.answer}, dead_letters=self.place.producer).run(stop)

    async def answer(self, received: Received[ImageRequested]) -> None:
        event = received.event
        self.asked.append(event)
        first, *also = event.indexes
        if (event.request_id, first) not in self.forgotten:
            await self.place.process([self.known[event.request_id].result(first, also=also)])

    def asked_for(self, request: Request) -> list[int]:
        return [index for event in self.asked if event.request_id == request.request_id for index in event.indexes]


class Pipeline:
    """All that a request passes; the watchdog is impatient."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.processor = Processor(place)

    async def submit(self, images: int, *, chunk_size: int = 5, accepted: bool = True) -> Request:
        """Write what ingest writes. The acceptance is known to be said, whether it was or not."""
        request = await self.place.submit(images, chunk_size=chunk_size, accepted=False)
        await self.place.execute(_ANNOUNCED, request.request_id)
        self.processor.known[request.request_id] = request
        if accepted:
            await self.accept(request)
        return request

    def forget(self, request: Request, *indexes: int) -> None:
        """The processor reads of these images, and never says anything."""
        self.processor.forgotten |= {(request.request_id, index) for index in indexes}

    async def accept(self, request: Request) -> None:
        await self.place.publish(REQUESTS_ACCEPTED, [request.file.accepted()])

    async def until_known(self, request: Request) -> None:
        async def has_row() -> object:
            return await self.place.value(_HAS_ROW, request.request_id)

        await until(has_row, seconds=30, what="the request has its row")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pipeline(stack: StackForTests) -> AsyncIterator[Pipeline]:
    async with place_on(stack) as place, _planner(place):
        # What other tests left unfinished is not looked after here.
        await place.execute("DELETE FROM aggregator.requests")
        await place.execute("DELETE FROM ingest.requests")
        found = Pipeline(place)
        stop = asyncio.Event()
        processing = asyncio.create_task(found.processor.run(stop))
        finisher = await place.spawn("finisher", STALL_SECONDS="2")
        await asyncio.gather(place.start("stream"), place.start("api"))
        await until(finisher.is_ready, seconds=READY_SECONDS, what="the finisher is ready")
        yield found
        stop.set()
        await processing


@asynccontextmanager
async def _planner(place: Place) -> AsyncIterator[None]:
    environment = {**place.environment, "HTTP_PORT": str(free_port())}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.ingest", "planner", env=environment)
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def test_a_released_chunk_that_no_processor_heard_of_is_requested_again(pipeline: Pipeline) -> None:
    request = await pipeline.submit(12, accepted=False)
    for chunk in range(3):
        await pipeline.place.execute(_RELEASED, request.request_id, chunk)
    await pipeline.accept(request)
    completion = await pipeline.place.until_published(request)
    assert (completion.state, completion.images.succeeded) == ("completed", 12)
    assert sorted(pipeline.processor.asked_for(request)) == list(range(12))


async def test_a_request_that_was_never_announced_is_announced(pipeline: Pipeline) -> None:
    request = await pipeline.submit(12, accepted=False)
    completion = await pipeline.place.until_published(request)
    assert completion.state == "completed"
    assert sorted(pipeline.processor.asked_for(request)) == list(range(12))


async def test_a_complete_chunk_of_which_nobody_heard_is_recorded(pipeline: Pipeline) -> None:
    request = await pipeline.submit(10, accepted=False)
    for chunk in range(2):
        await pipeline.place.execute(_RELEASED, request.request_id, chunk)
    await pipeline.accept(request)
    await pipeline.until_known(request)
    results = [Received(event, Trigger("elsewhere", 0, index)) for index, event in enumerate(request.results())]
    await PostgresResults(pipeline.place.database).record(results)
    completion = await pipeline.place.until_published(request)
    assert (completion.images.succeeded, completion.images.failed) == (9, 1)
    assert pipeline.processor.asked_for(request) == []


async def test_a_request_past_its_deadline_expires_with_what_was_done(pipeline: Pipeline) -> None:
    place = pipeline.place
    request = await pipeline.submit(10, accepted=False)
    pipeline.forget(request, *range(3, 10))
    await pipeline.accept(request)

    async def has_results() -> bool:
        return bool(await place.value(_RESULTS, request.request_id) == 3)

    await until(has_results, seconds=30, what="some results are recorded")
    await place.execute(_OVERDUE, request.request_id)
    completion = await place.until_published(request)
    assert completion.state == "expired"
    assert (completion.images.succeeded, completion.images.not_attempted) == (3, 7)
    output = await place.get(f"/v1/requests/{request.request_id}/output.csv")
    statuses = [row["Image Statuses"] for row in csv.DictReader(io.StringIO(output.text))]
    assert statuses == ["succeeded,succeeded", "succeeded,expired", *["expired,expired"] * 3]


async def test_an_image_that_never_gets_a_result_fails_after_three_further_tries(pipeline: Pipeline) -> None:
    request = await pipeline.submit(12, accepted=False)
    pipeline.forget(request, 6)
    await pipeline.accept(request)
    completion = await pipeline.place.until_published(request)
    assert (completion.state, completion.failures_by_code) == ("completed", {"internal_error": 1})
    assert sorted(pipeline.processor.asked_for(request)) == sorted([*range(12), 6, 6, 6])


async def test_offsets_are_seen_from_outside(pipeline: Pipeline) -> None:
    place, offsets = pipeline.place, KafkaOffsets(pipeline.place.connection)
    request = await pipeline.submit(4)
    await place.until_published(request)

    async def all_read() -> bool:
        looks = [(await offsets.read(reader), await offsets.ends(reader)) for reader in (PROCESSORS, STREAM, PLANNER)]
        return all(read[partition] == end for read, ends in looks for partition, end in ends.items())

    await until(all_read, seconds=30, what="all readers are at the end")
    ends = await offsets.ends(STREAM)
    assert {partition.topic for partition in ends} == {place.connection.topic(IMAGES_PROCESSED)}
    assert TopicPartition(place.connection.topic(IMAGES_PROCESSED), 3) in ends
    assert sum(ends.values()) == len(await place.read(IMAGES_PROCESSED))
    assert sum((await offsets.ends(PLANNER)).values()) > len(await place.read(REQUESTS_PROGRESS))


async def test_what_was_read_of_a_topic_that_was_made_anew_does_not_count(pipeline: Pipeline) -> None:
    place, reader = pipeline.place, Reader("nobody", "reads", (WEBHOOKS_DLT,))
    offsets = KafkaOffsets(place.connection)
    assert set((await offsets.read(reader)).values()) == {0}
    options = place.connection.client_options()
    partition = aiokafka.TopicPartition(place.connection.topic(WEBHOOKS_DLT), 0)
    member = AIOKafkaConsumer(**options, group_id=place.connection.group("nobody", "reads"), enable_auto_commit=False)
    member.assign([partition])
    await member.start()
    try:
        await member.commit({partition: 7})
    finally:
        await member.stop()
    assert set((await offsets.read(reader)).values()) == {0}


async def test_a_topic_that_is_not_there_is_waited_for(pipeline: Pipeline) -> None:
    missing = Reader("nobody", "reads", (replace(WEBHOOKS_DLT, name="no.such.topic.v1"),))
    offsets = KafkaOffsets(pipeline.place.connection)
    with pytest.raises(DependencyAway):
        await offsets.ends(missing)
    with pytest.raises(DependencyAway):
        await offsets.read(missing)


async def test_a_broker_that_does_not_answer_is_away(pipeline: Pipeline) -> None:
    settings = pipeline.place.settings.model_copy(update={"kafka_bootstrap_servers": f"127.0.0.1:{free_port()}"})
    with pytest.raises(DependencyAway):
        await KafkaOffsets(KafkaConnection(settings), timeout_seconds=5).ends(STREAM)
