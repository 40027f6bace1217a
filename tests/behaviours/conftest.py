"""The same behaviours on the twin and on the real broker."""

from collections.abc import AsyncIterator

import pytest

from tests.behaviours.brokers import Broker, InMemory, OnKafka


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.stack)])
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    if request.param == "memory":
        yield InMemory()
        return
    kafka = OnKafka(request.getfixturevalue("stack").environment()["KAFKA_BOOTSTRAP_SERVERS"])
    await kafka.start()
    yield kafka
    await kafka.close()
