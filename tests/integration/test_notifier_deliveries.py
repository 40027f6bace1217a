"""Deliveries on record: the same behaviour in memory and in Postgres."""

from collections.abc import AsyncIterator
from typing import TypeAlias
from uuid import uuid4

import pytest

from deploy.migrate import migrate
from services.notifier.adapters.postgres_deliveries import PostgresDeliveries
from services.notifier.domain.delivery import Attempt, AttemptError, Delivery, DeliveryId, delivery_owed
from shared.ids import RequestId
from shared.postgres import Database
from shared.settings import PostgresSettings
from tests.stack import StackForTests
from tests.unit.notifier.fakes import NOON, URL, DeliveriesInMemory, completed

Records: TypeAlias = PostgresDeliveries | DeliveriesInMemory

GOOD = Attempt(NOON, "t/0/1", 12, 204, "", None)
BAD = Attempt(NOON, "t/0/1", 20_000, None, None, AttemptError("timeout", "too slow"))


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.stack)])
async def records(request: pytest.FixtureRequest) -> AsyncIterator[Records]:
    if request.param == "memory":
        yield DeliveriesInMemory()
        return
    stack: StackForTests = request.getfixturevalue("stack")
    url = stack.environment()["DATABASE_URL"]
    await migrate(url)
    database = Database(PostgresSettings.model_validate({"database_url": url}))
    yield PostgresDeliveries(database)
    await database.close()


def owed(url: str = URL) -> Delivery:
    return delivery_owed(completed(RequestId(str(uuid4()))), url)


async def test_a_delivery_is_kept_as_it_was_first_made_and_owed_twice_is_one(records: Records) -> None:
    delivery = owed()
    assert await records.owe(delivery) == delivery
    assert await records.owe(delivery) == delivery
    assert [one.delivery for one in await records.of_request(delivery.request_id)] == [delivery]


async def test_attempts_are_numbered_in_their_order(records: Records) -> None:
    delivery = await records.owe(owed())
    assert await records.record(delivery.delivery_id, BAD) == "failed"
    assert await records.record(delivery.delivery_id, GOOD) == "delivered"
    recorded = await records.find(delivery.delivery_id)
    assert recorded is not None
    assert [(one.n, one.attempt) for one in recorded.attempts] == [(1, BAD), (2, GOOD)]
    assert (recorded.delivery.state, recorded.delivered_at) == ("delivered", NOON)


async def test_a_settled_delivery_owed_again_says_that_it_is_settled(records: Records) -> None:
    delivery = await records.owe(owed())
    await records.record(delivery.delivery_id, BAD)
    assert (await records.owe(delivery)).state == "failed"


async def test_what_was_delivered_stays_so(records: Records) -> None:
    delivery = await records.owe(owed())
    await records.record(delivery.delivery_id, GOOD)
    assert await records.record(delivery.delivery_id, BAD) == "delivered"


async def test_what_is_forgotten_twice_is_gone_and_an_attempt_under_way_brings_nothing_back(records: Records) -> None:
    delivery, other = await records.owe(owed()), await records.owe(owed())
    await records.record(delivery.delivery_id, BAD)
    await records.forget(delivery.request_id)
    await records.forget(delivery.request_id)
    assert await records.record(delivery.delivery_id, GOOD) == "delivered"
    assert await records.find(delivery.delivery_id) is None
    assert await records.find(other.delivery_id) is not None


async def test_what_is_unknown_is_not_found(records: Records) -> None:
    assert await records.find(DeliveryId(str(uuid4()))) is None
    assert list(await records.of_request(RequestId(str(uuid4())))) == []
