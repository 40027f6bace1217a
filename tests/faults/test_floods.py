"""A flood of records that are no events: readers with loops of their own stop, too, and say what to do."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiokafka
import pytest
import pytest_asyncio

from services.aggregator.adapters.kafka_completions import CompletionPublisher
from shared.events import RequestAssembled, RequestCompleted
from shared.kafka.records import Received
from shared.kafka.undecodable import TooManyUndecodable
from shared.topics import IMAGES_PROCESSED, REQUESTS_ASSEMBLED, Topic
from tests.integration.aggregator_place import Place, place_on
from tests.ports import free_port
from tests.stack import StackForTests

# One place for both: neither reads what floods the other.
pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]

FLOOD = 60


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(stack: StackForTests) -> AsyncIterator[Place]:
    async with place_on(stack) as found:
        yield found


async def flood(place: Place, topic: Topic) -> None:
    async with aiokafka.AIOKafkaProducer(**place.connection.client_options()) as producer:
        name = place.connection.topic(topic)
        for sent in [await producer.send(name, b"nonsense", partition=0) for _ in range(FLOOD)]:
            await sent


async def nothing(_received: Received[RequestAssembled]) -> RequestCompleted | None:
    return None


async def test_the_publisher_stops_at_a_flood_with_a_clear_message(place: Place) -> None:
    await flood(place, REQUESTS_ASSEMBLED)
    publisher = CompletionPublisher(
        place.connection, nothing, dead_letters=place.producer, now=lambda: datetime.now(UTC)
    )
    with pytest.raises(TooManyUndecodable, match="Check that readers and writers"):
        await asyncio.wait_for(publisher.run(asyncio.Event()), 60)


async def test_the_stream_stops_at_a_flood_with_a_clear_message(place: Place) -> None:
    await flood(place, IMAGES_PROCESSED)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.aggregator",
        "stream",
        env={**place.environment, "HTTP_PORT": str(free_port())},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), 90)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 1
    assert b"Check that readers and writers" in said
