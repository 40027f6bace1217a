"""Deliveries on record: the same behaviour in memory and in Postgres."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias
from uuid import uuid4

import pytest

from deploy.migrate import migrate
from services.notifier.adapters.postgres_deliveries import PostgresDeliveries
from services.notifier.adapters.postgres_endpoints import PostgresEndpoints
from services.notifier.domain.delivery import Attempt, AttemptError, Delivery, DeliveryId, delivery_owed
from services.notifier.domain.history import RecordedDelivery
from services.notifier.domain.progress import Moment, Move, Owed, Progress, Tried, after_attempt, owed_since, put_off
from services.notifier.domain.schedule import Schedule
from shared.ids import RequestId
from shared.postgres import Database
from shared.settings import PostgresSettings
from tests.stack import StackForTests
from tests.unit.notifier.fakes import NOON, URL, completed
from tests.unit.notifier.memory import FIVE_DAYS, DeliveriesInMemory

Records: TypeAlias = PostgresDeliveries | DeliveriesInMemory

GOOD = Tried(Attempt(NOON, "t/0/1", 12, 204, "", None))
BAD = Tried(Attempt(NOON, "t/0/1", 20_000, None, None, AttemptError("timeout", "too slow")))


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.stack)])
async def records(request: pytest.FixtureRequest) -> AsyncIterator[Records]:
    if request.param == "memory":
        yield DeliveriesInMemory()
        return
    stack: StackForTests = request.getfixturevalue("stack")
    url = stack.environment()["DATABASE_URL"]
    await migrate(url)
    database = Database(PostgresSettings.model_validate({"database_url": url}))
    endpoints = PostgresEndpoints(database, disable_after=FIVE_DAYS)
    yield PostgresDeliveries(database, endpoints, now=lambda: NOON)
    await database.close()


def owed(url: str = URL) -> Owed:
    return owed_since(delivery_owed(completed(RequestId(str(uuid4()))), url), NOON)


async def kept(records: Records, delivery: Delivery) -> RecordedDelivery:
    recorded = await records.find(delivery.delivery_id)
    assert recorded is not None
    return recorded


def after_failing(before: Progress, trigger: str) -> Move:
    moment = Moment(trigger, NOON, 0.0)
    return Move(before, after_attempt(before, BAD, Schedule(), moment))


async def test_a_delivery_is_kept_as_it_was_first_made_and_owed_twice_is_one(records: Records) -> None:
    new = owed()
    first = await records.owe(new)
    assert first == new
    assert first.progress.is_untouched
    put_off_already = Owed(new.delivery, put_off(new.progress, Moment("t/0/9", NOON, 0.0)))
    assert await records.owe(put_off_already) == first
    assert await records.owed(new.delivery.delivery_id) == first
    assert [one.owed for one in await records.of_request(new.delivery.request_id)] == [first]


async def test_a_delivery_may_be_put_off_when_it_is_first_kept(records: Records) -> None:
    new = owed()
    put_off_already = Owed(new.delivery, put_off(new.progress, Moment("t/0/9", NOON, 0.0)))
    assert await records.owe(put_off_already) == put_off_already


async def test_attempts_are_numbered_in_their_order(records: Records) -> None:
    first = await records.owe(owed())
    name = first.delivery.delivery_id
    await records.record(name, BAD, after_failing(first.progress, "t/0/1"))
    await records.record(name, GOOD)
    recorded = await kept(records, first.delivery)
    assert [(one.n, one.attempt) for one in recorded.attempts] == [(1, BAD.attempt), (2, GOOD.attempt)]
    assert (recorded.owed.progress.state, recorded.delivered_at) == ("delivered", NOON)
    assert recorded.owed.progress.next_attempt_at is None
    assert await records.last_error(name) == BAD.attempt.error


async def test_a_step_is_taken_with_its_trigger_and_shows_when_the_delivery_is_owed_again(records: Records) -> None:
    first = await records.owe(owed())
    move = after_failing(first.progress, "t/0/1")
    assert await records.record(first.delivery.delivery_id, BAD, move) == move.after
    again = await records.owe(owed_since(first.delivery, NOON))
    assert again.progress == move.after
    assert (again.progress.attempts, again.progress.step) == (1, "t/0/1")
    assert again.progress.next_attempt_at == NOON + timedelta(seconds=5)


async def test_a_step_from_where_the_delivery_no_longer_stands_is_not_taken_but_its_attempt_is_listed(
    records: Records,
) -> None:
    first = await records.owe(owed())
    name = first.delivery.delivery_id
    move = after_failing(first.progress, "t/0/1")
    await records.record(name, BAD, move)
    assert await records.record(name, BAD, after_failing(first.progress, "t/0/2")) == move.after
    assert len((await kept(records, first.delivery)).attempts) == 2


async def test_a_deferral_is_a_step_too(records: Records) -> None:
    first = await records.owe(owed())
    name = first.delivery.delivery_id
    move = Move(first.progress, put_off(first.progress, Moment("t/0/1", NOON, 0.0)))
    assert await records.put_off(name, move) == move.after
    other = Move(first.progress, put_off(first.progress, Moment("t/0/2", NOON, 0.0)))
    assert await records.put_off(name, other) == move.after
    assert (await kept(records, first.delivery)).attempts == ()
    assert await records.last_error(name) is None


async def test_an_attempt_that_succeeds_settles_a_delivery_wherever_it_stands(records: Records) -> None:
    first = await records.owe(owed())
    name = first.delivery.delivery_id
    move = after_failing(first.progress, "t/0/1")
    await records.record(name, BAD, move)
    settled = await records.record(name, GOOD, after_failing(first.progress, "t/0/2"))
    assert settled == replace(move.after, state="delivered", next_attempt_at=None)


async def test_what_was_delivered_stays_so(records: Records) -> None:
    first = await records.owe(owed())
    name = first.delivery.delivery_id
    await records.record(name, GOOD)
    progress = await records.record(name, BAD, after_failing(first.progress, "t/0/1"))
    assert progress is not None
    assert progress.state == "delivered"
    assert (await kept(records, first.delivery)).delivered_at == NOON


async def test_a_failed_delivery_is_begun_anew_once_by_each_record_and_another_one_not_at_all(records: Records) -> None:
    first = await records.owe(owed())
    name = first.delivery.delivery_id
    assert await records.restart(name, trigger="t/0/5", states={"failed"}) == first
    gone = Tried(Attempt(NOON, "t/0/1", 1, 410, "", AttemptError("http_410", "gone")))
    move = Move(first.progress, after_attempt(first.progress, gone, Schedule(), Moment("t/0/1", NOON, 0.0)))
    failed = await records.record(name, gone, move)
    assert failed is not None
    assert (failed.state, failed.next_attempt_at) == ("failed", None)
    restarted = await records.restart(name, trigger="t/0/5", states={"failed"})
    assert restarted is not None
    assert restarted.progress.is_at(0, 0)
    assert (restarted.progress.step, restarted.progress.replayed_by) == (None, "t/0/5")
    again = Move(restarted.progress, replace(move.after, step="t/0/5", replayed_by="t/0/5"))
    await records.record(name, gone, again)
    same = await records.restart(name, trigger="t/0/5", states={"failed"})
    assert same is not None
    assert same.progress.state == "failed"


async def test_what_is_forgotten_twice_is_gone_and_an_attempt_under_way_brings_nothing_back(records: Records) -> None:
    first, other = await records.owe(owed()), await records.owe(owed())
    name = first.delivery.delivery_id
    await records.record(name, BAD)
    await records.forget(first.delivery.request_id)
    await records.forget(first.delivery.request_id)
    assert await records.record(name, GOOD) is None
    assert await records.put_off(name, after_failing(first.progress, "t/0/1")) is None
    assert await records.restart(name, trigger="t/0/5", states={"failed"}) is None
    assert await records.find(name) is None
    assert await records.find(other.delivery.delivery_id) is not None


async def test_what_is_unknown_is_not_found(records: Records) -> None:
    unknown = DeliveryId(str(uuid4()))
    assert await records.find(unknown) is None
    assert await records.owed(unknown) is None
    assert list(await records.of_request(RequestId(str(uuid4())))) == []
