"""A crash after every single effect: nothing is lost, the schedule goes on as one, and it keeps its length."""

from datetime import timedelta

import pytest

from services.notifier.domain.schedule import Schedule
from shared.events import DeliveryDue
from shared.ids import LOCAL_OWNER
from shared.kafka.cloudevents import encode
from shared.kafka.dead_letters import REPLAYED_FROM
from shared.topics import WEBHOOKS_RETRY
from tests.unit.notifier.fakes import REQUEST
from tests.unit.notifier.simulation import ENOUGH, World

# Three attempts, the second of which is reached over two tiers.
SHORT = Schedule((timedelta(seconds=40), timedelta(seconds=5)))
# It is owed once; each of three attempts is posted, recorded, and followed by an append; two appends more are hops.
EFFECTS = 12


def world(kill_after: int | None) -> World:
    return World(kill_after=kill_after, chance=0.0, schedule=SHORT)


async def test_an_undisturbed_life_has_as_many_effects_as_are_killed_below() -> None:
    lived = world(None)
    lived.receiver.is_up = False
    await lived.complete()
    await lived.run_for(ENOUGH)
    assert lived.killer.effects == EFFECTS


@pytest.mark.checklist("N2", "N12", "N14")
@pytest.mark.parametrize("kill_after", range(1, EFFECTS + 1))
async def test_a_dead_endpoint_gets_all_attempts_and_then_a_dead_letter(kill_after: int) -> None:
    lived = world(kill_after)
    lived.receiver.is_up = False
    name = await lived.complete()
    await lived.run_for(ENOUGH)
    progress = lived.deliveries.kept[name].progress
    assert (progress.state, progress.attempts, progress.next_attempt_at) == ("failed", 3, None)
    assert len(lived.deliveries.attempts[name]) == 3
    # One that was posted and not recorded is posted again, under the same id.
    assert len(lived.receiver.posted) in {3, 4}
    assert {posted.headers["webhook-id"] for posted in lived.receiver.posted} == {name}
    assert len(lived.dead) in {1, 2}


@pytest.mark.checklist("N14")
@pytest.mark.parametrize("kill_after", range(1, EFFECTS + 1))
async def test_an_endpoint_that_comes_back_gets_its_webhook(kill_after: int) -> None:
    lived = world(kill_after)
    lived.receiver.is_up = False
    name = await lived.complete()
    await lived.run_for(timedelta(seconds=42))
    lived.receiver.is_up = True
    await lived.run_for(ENOUGH)
    assert lived.state(name) == "delivered"
    assert len(lived.deliveries.attempts[name]) == 3
    assert lived.dead == []


@pytest.mark.checklist("N12", "N14")
@pytest.mark.parametrize("kill_after", [None, *range(1, EFFECTS + 1)])
async def test_a_replay_begins_the_schedule_anew_once(kill_after: int | None) -> None:
    lived = world(None)
    lived.receiver.is_up = False
    name = await lived.complete()
    await lived.run_for(timedelta(minutes=5))
    assert lived.state(name) == "failed"
    lived.killer.effects, lived.killer.after = 0, kill_after
    await replay(lived, name)
    await lived.run_for(ENOUGH)
    assert lived.state(name) == "failed"
    assert len(lived.deliveries.attempts[name]) == 6


async def test_two_letters_of_one_delivery_replayed_at_once_are_one_schedule_and_a_success_ends_it() -> None:
    lived = world(None)
    lived.receiver.is_up = False
    name = await lived.complete()
    await lived.run_for(timedelta(minutes=5))
    lived.receiver.is_up = True
    await replay(lived, name)
    await replay(lived, name)
    await lived.run_for(ENOUGH)
    await replay(lived, name)
    await lived.run_for(ENOUGH)
    assert lived.state(name) == "delivered"
    assert len(lived.deliveries.attempts[name]) == 4


@pytest.mark.checklist("N12", "N14")
@pytest.mark.parametrize("kill_after", [None, 1, 2, 3])
async def test_what_was_delivered_is_sent_again_once_if_a_person_asks(kill_after: int | None) -> None:
    lived = world(None)
    name = await lived.complete()
    await lived.run_for(timedelta(minutes=1))
    lived.killer.effects, lived.killer.after = 0, kill_after
    await lived.redeliver(name)
    await lived.run_for(ENOUGH)
    assert lived.state(name) == "delivered"
    assert len(lived.deliveries.attempts[name]) == 2
    # Killed between post and record: posted again, under the same id.
    assert len(lived.receiver.posted) == (3 if kill_after == 2 else 2)
    assert {posted.headers["webhook-id"] for posted in lived.receiver.posted} == {name}


async def replay(lived: World, name: str) -> None:
    """What replaying a dead letter appends."""
    event = DeliveryDue(request_id=REQUEST, owner=LOCAL_OWNER, delivery_id=name, attempt=0)
    encoded = encode(event, source="pixelmill/aggregator", now=lived.now)
    letter = ((REPLAYED_FROM, str(lived.dead[0].trigger).encode()),)
    tier = WEBHOOKS_RETRY[0].name
    lived.broker.append(tier, key=encoded.key, value=encoded.value, headers=encoded.headers + letter)
