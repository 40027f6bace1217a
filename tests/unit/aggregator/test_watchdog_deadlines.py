"""Requests past their deadline, and requests that hang after their end."""

from datetime import timedelta
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from services.aggregator.overdue_requests import STUCK_AFTER
from shared.events import DeadlinePassed
from shared.ids import RequestId
from tests.unit.aggregator.fakes import REQUEST, request_file
from tests.unit.aggregator.watchdog_fakes import PATIENCE, World

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@pytest.mark.checklist("A7")
async def test_a_deadline_is_said_as_soon_as_it_passes() -> None:
    file = request_file()
    world = World(file)
    await world.know(file)
    world.clock.pass_(DAY - SECOND)
    await world.turns()
    assert world.topics.published == []
    world.clock.pass_(SECOND)
    await world.turns()
    (event,) = world.topics.events()
    assert isinstance(event, DeadlinePassed)
    assert event.reason == "The deadline of the request passed at 2026-03-02T12:00:00.000Z."


async def test_a_deadline_is_said_again_only_after_the_patience() -> None:
    file = request_file()
    world = World(file)
    await world.know(file)
    world.clock.pass_(DAY)
    overdue = world.duties[0]
    for _ in range(59):
        await overdue.turn(world.clock())
        world.clock.pass_(SECOND)
    assert len(world.topics.published) == 1
    world.clock.pass_(SECOND)
    await overdue.turn(world.clock())
    assert len(world.topics.published) == 2


async def test_a_deadline_of_an_ended_request_is_not_said() -> None:
    file = request_file()
    world = World(file)
    await world.know(file)
    await world.end(file)
    world.clock.pass_(2 * DAY)
    await world.turns(3)
    assert world.topics.published == []


@pytest.mark.checklist("A7")
async def test_every_deadline_is_said_however_many_pass_at_once() -> None:
    files = [request_file(request_id=RequestId(str(UUID(int=number + 1)))) for number in range(5)]
    world = World(*files)
    for file in files:
        await world.know(file)
    world.clock.pass_(DAY)
    for _ in range(6):
        await world.duties[0].turn(world.clock())
    assert sorted(event.request_id for event in world.topics.events()) == [file.request_id for file in files]


async def test_a_request_that_hangs_after_its_end_is_counted_and_nothing_is_said() -> None:
    world = World()
    world.watch.stuck_requests = [REQUEST]
    await world.watch_for(STUCK_AFTER - PATIENCE)
    assert REGISTRY.get_sample_value("pixelmill_requests_stuck") == 0
    await world.watch_for(2 * PATIENCE)
    assert REGISTRY.get_sample_value("pixelmill_requests_stuck") == 1
    assert world.topics.published == []
    world.watch.stuck_requests = []
    await world.watch_for(PATIENCE)
    assert REGISTRY.get_sample_value("pixelmill_requests_stuck") == 0
