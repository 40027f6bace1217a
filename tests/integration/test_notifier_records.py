"""Endpoints, secrets and what is to be repeated: the same behaviour in memory and in Postgres."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from uuid import uuid4

import pytest

from deploy.migrate import migrate
from services.notifier.adapters.postgres_deliveries import PostgresDeliveries
from services.notifier.adapters.postgres_endpoints import PostgresEndpoints
from services.notifier.adapters.postgres_redeliveries import PostgresRedeliveries
from services.notifier.adapters.postgres_secrets import PostgresSecrets
from services.notifier.domain.delivery import Attempt, AttemptError, DeliveryId, DeliveryState, delivery_owed
from services.notifier.domain.endpoint_health import HEALTHY, Endpoint, EndpointHealth, EndpointId, endpoint_id
from services.notifier.domain.progress import Moment, Move, Owed, Tried, after_attempt, owed_since
from services.notifier.domain.redelivery import Found, Place, Redelivery
from services.notifier.domain.schedule import Schedule
from services.notifier.domain.webhook_secrets import MOST_SIGNING, SecretId, TooManySecrets
from shared.ids import Owner, RequestId
from shared.postgres import Database
from shared.settings import PostgresSettings
from tests.stack import StackForTests
from tests.unit.notifier.fakes import NOON, URL, completed
from tests.unit.notifier.memory import FIVE_DAYS, DeliveriesInMemory, EndpointsInMemory, SecretsInMemory

DAY = timedelta(days=1)
ALL_TIME = (datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC))

Deliveries: TypeAlias = PostgresDeliveries | DeliveriesInMemory


@dataclass
class Kept:
    """What is kept of one owner, whom no other test knows."""

    deliveries: Deliveries
    endpoints: PostgresEndpoints | EndpointsInMemory
    redeliveries: PostgresRedeliveries | DeliveriesInMemory
    secrets: PostgresSecrets | SecretsInMemory
    told: list[Endpoint]
    owner: Owner = field(default_factory=lambda: Owner(f"owner-{uuid4()}"))

    @property
    def endpoint(self) -> EndpointId:
        return endpoint_id(self.owner, URL)

    async def owe(self, url: str = URL) -> Owed:
        event = completed(RequestId(str(uuid4())), self.owner)
        return await self.deliveries.owe(owed_since(delivery_owed(event, url), NOON))

    async def tried(self, owed: Owed, status: int, at: datetime = NOON) -> None:
        """An attempt of the schedule that was answered so."""
        error = AttemptError(f"http_{status}", "no") if status != 200 else None
        tried = Tried(Attempt(at, "t/0/1", 5, status, "", error))
        after = after_attempt(owed.progress, tried, Schedule(), Moment("t/0/1", at, 0.0))
        await self.deliveries.record(owed.delivery.delivery_id, tried, Move(owed.progress, after))

    async def health(self) -> EndpointHealth:
        found = {one.endpoint_id: one.health for one in await self.endpoints.of_owner(self.owner)}
        return found.get(self.endpoint, HEALTHY)


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.stack)])
async def kept(request: pytest.FixtureRequest) -> AsyncIterator[Kept]:
    if request.param == "memory":
        memory = DeliveriesInMemory()
        yield Kept(memory, memory.endpoints, memory, SecretsInMemory(), memory.endpoints.told)
        return
    async with in_postgres(request.getfixturevalue("stack"), Owner(f"owner-{uuid4()}")) as found:
        yield found


@asynccontextmanager
async def in_postgres(stack: StackForTests, owner: Owner) -> AsyncIterator[Kept]:
    """What a notifier that has just been started finds there."""
    url = stack.environment()["DATABASE_URL"]
    await migrate(url)
    database = Database(PostgresSettings.model_validate({"database_url": url}))
    told: list[Endpoint] = []
    endpoints = PostgresEndpoints(database, disable_after=FIVE_DAYS, tell=told.append)
    deliveries = PostgresDeliveries(database, endpoints, now=lambda: NOON)
    secrets = PostgresSecrets(database, now=lambda: NOON)
    yield Kept(deliveries, endpoints, PostgresRedeliveries(database), secrets, told, owner)
    await database.close()


async def test_an_endpoint_fails_is_disabled_with_the_attempt_and_is_enabled_by_its_owner_alone(kept: Kept) -> None:
    await kept.tried(await kept.owe(), 500)
    assert await kept.health() == EndpointHealth(NOON, NOON)
    await kept.tried(await kept.owe(), 200)
    assert await kept.health() == HEALTHY
    await kept.tried(await kept.owe(), 500, NOON)
    await kept.tried(await kept.owe(), 500, NOON + FIVE_DAYS)
    disabled = EndpointHealth(NOON, NOON + FIVE_DAYS, NOON + FIVE_DAYS, "failing")
    for status in (200, 410, 500):
        await kept.tried(await kept.owe(), status, NOON + FIVE_DAYS)
        assert await kept.health() == disabled
    assert kept.told == [Endpoint(kept.endpoint, URL, disabled)]
    others = endpoint_id(kept.owner, "https://other.example/")
    assert await kept.endpoints.disabled_among([kept.endpoint, others]) == {kept.endpoint}
    assert await kept.endpoints.enable(Owner("somebody else"), kept.endpoint) is None
    assert await kept.endpoints.is_disabled(kept.endpoint)
    assert await kept.endpoints.enable(kept.owner, kept.endpoint) == Endpoint(kept.endpoint, URL, HEALTHY)
    assert not await kept.endpoints.is_disabled(kept.endpoint)
    assert await kept.endpoints.of_owner(kept.owner) == []


@pytest.mark.stack
@pytest.mark.checklist("N13")
async def test_the_days_of_nothing_but_failures_are_counted_over_a_restart(stack: StackForTests) -> None:
    owner = Owner(f"owner-{uuid4()}")
    async with in_postgres(stack, owner) as before:
        await before.tried(await before.owe(), 500, NOON)
        await before.tried(await before.owe(), 500, NOON + FIVE_DAYS / 2)
    async with in_postgres(stack, owner) as after:
        await after.tried(await after.owe(), 500, NOON + FIVE_DAYS)
        assert (await after.health()).reason == "failing"
    async with in_postgres(stack, owner) as later:
        assert await later.endpoints.is_disabled(later.endpoint)


async def test_of_endpoints_nothing_is_kept_that_have_no_delivery_left_or_were_silent_for_long(kept: Kept) -> None:
    gone, shared = f"{URL}&gone", f"{URL}&shared"
    for url in (gone, shared):
        await kept.tried(await kept.owe(url), 410)
    alone, one_of_two = await kept.owe(gone), await kept.owe(shared)
    await kept.deliveries.forget(one_of_two.delivery.request_id)
    await kept.deliveries.forget(alone.delivery.request_id)
    assert await urls(kept) == {gone, shared}
    only = await kept.owe(f"{URL}&only")
    await kept.tried(only, 410)
    await kept.deliveries.forget(only.delivery.request_id)
    assert await urls(kept) == {gone, shared}
    await kept.tried(await kept.owe(f"{URL}&silent"), 500)
    long_after = NOON + FIVE_DAYS + timedelta(seconds=1)
    for _ in range(3):
        await kept.tried(await kept.owe(), 500, long_after)
    assert await urls(kept) == {gone, shared, URL}


async def test_a_new_secret_ends_those_before_it_after_the_overlap_and_a_few_sign_at_once(kept: Kept) -> None:
    secrets, owner = kept.secrets, kept.owner
    made = [await secrets.make(owner, DAY) for _ in range(MOST_SIGNING)]
    found = {term.secret_id: term for term in await secrets.of(owner)}
    assert found == {term.secret_id: replace(term, expires_at=NOON + DAY) for term in made[:-1]} | {
        made[-1].secret_id: made[-1]
    }
    with pytest.raises(TooManySecrets):
        await secrets.make(owner, DAY)
    assert not await secrets.end(Owner("somebody else"), made[0].secret_id)
    assert await secrets.end(owner, made[0].secret_id)
    assert not await secrets.end(owner, made[0].secret_id)
    shorter = await secrets.make(owner, DAY / 2)
    assert {term.expires_at for term in await secrets.of(owner)} == {None, NOON + DAY / 2}
    last = await secrets.make(owner, timedelta(0))
    assert await secrets.of(owner) == [last]
    assert last.secret_id != shorter.secret_id
    assert await secrets.of(Owner("somebody else")) == []
    assert not await secrets.end(owner, SecretId(str(uuid4())))


async def test_what_signed_before_an_owners_first_secret_ends_once_and_keeps_its_end(kept: Kept) -> None:
    secrets, owner = kept.secrets, kept.owner
    assert await secrets.inherited_until(owner) is None
    first = await secrets.make(owner, DAY)
    assert await secrets.inherited_until(owner) == NOON + DAY
    await secrets.make(owner, 2 * DAY)
    assert await secrets.inherited_until(owner) == NOON + DAY
    last = await secrets.make(owner, timedelta(0))
    for one in (first, last):
        await secrets.end(owner, one.secret_id)
    assert await secrets.inherited_until(owner) == NOON


async def test_deliveries_to_repeat_are_those_of_the_owner_the_window_and_the_states(kept: Kept) -> None:
    failed, delivered, pending = [await kept.owe() for _ in range(3)]
    await kept.tried(failed, 410)
    await kept.tried(delivered, 200)
    await kept.tried(pending, 500)
    whole = Redelivery(kept.owner, *ALL_TIME, states={"failed", "delivered"})
    names = await matching(kept, whole)
    assert names == {name_of(failed), name_of(delivered)}
    assert await matching(kept, replace(whole, states={"failed"})) == {name_of(failed)}
    assert await matching(kept, replace(whole, request_id=delivered.delivery.request_id)) == {name_of(delivered)}
    assert await matching(kept, replace(whole, until=ALL_TIME[0] + DAY)) == set()
    assert await matching(kept, replace(whole, owner=Owner("somebody else"))) == set()
    first = await kept.redeliveries.matching(replace(whole, limit=1))
    assert (len(first.first), first.total) == (1, 2)
    rest = await kept.redeliveries.matching(replace(whole, limit=1, after=place_after(first)))
    assert (rest.total, rest.end) == (1, None)
    assert {first.first[0].delivery_id, rest.first[0].delivery_id} == names
    await kept.deliveries.forget(first.first[0].request_id)
    assert await kept.redeliveries.matching(replace(whole, limit=1, after=place_after(first))) == rest


async def test_one_redelivery_of_an_owner_holds_off_the_next_until_it_says_otherwise(kept: Kept) -> None:
    turns, owner = kept.redeliveries, kept.owner
    first, second = NOON + timedelta(minutes=1), NOON + timedelta(minutes=3)
    assert await turns.take_turn(owner, at=NOON, until=first) is None
    assert await turns.take_turn(owner, at=NOON, until=second) == first
    assert await turns.take_turn(Owner(f"not {owner}"), at=NOON, until=second) is None
    # The first took too long, and another one followed.
    assert await turns.take_turn(owner, at=first, until=second) is None
    await turns.end_turn(owner, taken_until=first, until=NOON)
    assert await turns.take_turn(owner, at=first, until=second) == second
    await turns.end_turn(owner, taken_until=second, until=first)
    assert await turns.take_turn(owner, at=first, until=second) is None


async def test_a_delivered_one_is_begun_anew_from_the_states_that_are_named(kept: Kept) -> None:
    owed = await kept.owe()
    await kept.tried(owed, 200)
    assert await restarted(kept, name_of(owed), {"failed"}) == "delivered"
    assert await restarted(kept, name_of(owed), {"failed", "delivered"}) == "pending"
    recorded = await kept.deliveries.find(name_of(owed))
    assert recorded is not None
    assert [(one.n, one.next_attempt_at) for one in recorded.attempts] == [(1, None)]


async def matching(kept: Kept, wanted: Redelivery) -> set[DeliveryId]:
    found = await kept.redeliveries.matching(wanted)
    assert len(found.first) == found.total
    return {one.delivery_id for one in found.first}


async def restarted(kept: Kept, name: DeliveryId, states: Collection[DeliveryState]) -> DeliveryState:
    owed = await kept.deliveries.restart(name, trigger="manual:t/0/5", states=states)
    assert owed is not None
    return owed.progress.state


async def urls(kept: Kept) -> set[str]:
    return {one.url for one in await kept.endpoints.of_owner(kept.owner)}


def place_after(found: Found) -> Place:
    assert found.end is not None
    return found.end


def name_of(owed: Owed) -> DeliveryId:
    return owed.delivery.delivery_id
