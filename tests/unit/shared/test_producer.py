"""What the producer sends at once, and what waits for others."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
from aiokafka import AIOKafkaProducer

from shared.events import CancelRequested
from shared.ids import Owner, RequestId
from shared.kafka.cloudevents import Encoded
from shared.kafka.connection import KafkaConnection
from shared.kafka.producer import EventProducer
from shared.kafka.records import Record
from shared.settings import KafkaSettings
from shared.topics import IMAGES_DLT, REQUESTS_PROGRESS
from tests.waiting import until

CANCELLED = CancelRequested(
    request_id=RequestId("0b6f2c1e-5f0c-4d6a-9d8e-2a4b6c8d0e1f"), owner=Owner("local"), reason="changed my mind"
)


class Client:
    """Acknowledges what it is given."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(
        self, topic: str, _value: bytes, *, key: bytes, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[None]:
        self.sent.append(topic)
        acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        acknowledged.set_result(None)
        return acknowledged


class Producer(EventProducer):
    """Has a client that needs no broker."""

    def __init__(self) -> None:
        super().__init__(KafkaConnection(KafkaSettings()), "pixelmill/test")
        self.client = Client()

    async def _start(self) -> AIOKafkaProducer:
        return cast(AIOKafkaProducer, self.client)


@pytest.fixture
async def producer() -> AsyncIterator[Producer]:
    """A producer that knows of other work in hand, which ends with the test."""
    producer = Producer()
    producer.gathering.begin("a slow download")
    yield producer
    producer.gathering.end("a slow download")


async def test_what_is_appended_waits_for_nobody(producer: Producer) -> None:
    publishing = asyncio.create_task(producer.publish(REQUESTS_PROGRESS, CANCELLED))
    await asyncio.sleep(0)
    await producer.append(IMAGES_DLT, Encoded(b"key", b"value", ()))
    await producer.dead_letter(Record("topic", 0, 0, b"key", b"value"), reason="no event")
    assert (len(producer.client.sent), publishing.done()) == (2, False)
    await publishing


async def test_what_is_published_waits_for_work_in_hand(producer: Producer) -> None:
    publishing = asyncio.create_task(producer.publish(REQUESTS_PROGRESS, CANCELLED))
    for _ in range(9):
        await asyncio.sleep(0)
    assert producer.client.sent == []
    producer.gathering.end("a slow download")
    await until(publishing.done, seconds=5, what="the event to be published")
    assert len(producer.client.sent) == 1
