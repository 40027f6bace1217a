"""The schedule of webhooks from the first attempt to the last, in simulated time."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from services.notifier.domain.delivery import DeliveryId
from services.notifier.domain.schedule import STANDARD_DELAYS
from tests.unit.notifier.simulation import ENOUGH, World

# A tier holds for at least five seconds, so that a rest below that costs a turn of it.
FINENESS = timedelta(seconds=5.5)


def windows(moments: list[datetime]) -> Iterator[tuple[timedelta, timedelta, timedelta]]:
    """For each attempt but the first: the earliest and the latest wait since the one before, and the real one."""
    waits = [after - before for before, after in pairwise(moments)]
    for delay, wait in zip(STANDARD_DELAYS, waits, strict=False):
        yield delay - timedelta(seconds=0.25), delay * 1.1 + FINENESS, wait


def moments(world: World, name: DeliveryId) -> list[datetime]:
    return [one.attempt.at for one in world.deliveries.attempts[name]]


@pytest.mark.checklist("N9")
async def test_every_attempt_of_three_days_is_within_its_window_and_all_is_delivered_once_the_endpoint_is_back() -> (
    None
):
    world, chance = World(), random.Random(5)
    world.receiver.is_up = False
    names = []
    for _ in range(20):
        world.chance = chance.random()
        names.append(await world.complete())
        await world.run_for(timedelta(seconds=1))
    # Between the ninth attempt and the tenth, which is the last.
    await world.run_for(timedelta(hours=60))
    assert {len(moments(world, name)) for name in names} == {9}
    assert {world.state(name) for name in names} == {"pending"}
    world.receiver.is_up = True
    await world.run_for(timedelta(hours=30))
    assert {world.state(name) for name in names} == {"delivered"}
    assert {len(moments(world, name)) for name in names} == {10}
    for name in names:
        for earliest, latest, wait in windows(moments(world, name)):
            assert earliest <= wait <= latest
    assert world.dead == []


@pytest.mark.checklist("N9", "N12")
@pytest.mark.parametrize("chance", [0.0, 0.999])
async def test_a_day_is_forty_eight_hops_of_half_an_hour_and_none_is_lost(chance: float) -> None:
    world = World(chance=chance)
    world.receiver.is_up = False
    name = await world.complete()
    await world.run_for(ENOUGH)
    first, last = moments(world, name)[0], moments(world, name)[-1]
    total = sum(STANDARD_DELAYS, timedelta(0)) * (1 + 0.1 * chance)
    assert total - timedelta(seconds=3) <= last - first <= total + 9 * FINENESS
    planned = [delay * (1 + 0.1 * chance) for delay in STANDARD_DELAYS]
    half_hours = sum(int(delay / timedelta(minutes=30)) for delay in planned)
    assert abs(len(world.tier(".30m.")) - half_hours) <= len(planned)
    assert (world.state(name), len(moments(world, name)), len(world.dead)) == ("failed", 10, 1)


async def test_what_fell_due_while_the_notifier_was_down_happens_when_it_is_up_again() -> None:
    world = World()
    world.receiver.is_up = False
    name = await world.complete()
    await world.run_for(timedelta(seconds=1))
    world.receiver.is_up = True
    world.now += timedelta(days=2)
    await world.run_for(timedelta(seconds=1))
    assert world.state(name) == "delivered"
    assert len(moments(world, name)) == 2
