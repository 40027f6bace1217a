"""A few webhooks to one endpoint at a time, and always room for those that answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from services.notifier.endpoint_places import WAITING_PER_ENDPOINT, EndpointPlaces
from tests.waiting import until

DEAD, LIVE = "https://dead.example:443", "https://live.example:443"


@asynccontextmanager
async def taken(places: EndpointPlaces, *endpoints: str) -> AsyncIterator[list[bool]]:
    async with AsyncExitStack() as held:
        yield [await held.enter_async_context(places.one(endpoint)) for endpoint in endpoints]


async def has_place(places: EndpointPlaces, endpoint: str) -> bool:
    async with places.one(endpoint) as found:
        return found


def few(**more: float) -> EndpointPlaces:
    return EndpointPlaces(in_all=8, per_endpoint=2, **{"waiting_seconds": 0.05, **more})


@pytest.mark.checklist("N9")
async def test_one_endpoint_gets_a_few_places_and_others_find_theirs() -> None:
    places = few()
    async with taken(places, DEAD, DEAD, DEAD, LIVE) as found:
        assert found == [True, True, False, True]
    assert await has_place(places, DEAD)


async def test_who_leaves_makes_room_for_the_one_that_waits() -> None:
    places = few(waiting_seconds=20)
    async with AsyncExitStack() as held:
        await held.enter_async_context(places.one(LIVE))
        await held.enter_async_context(places.one(LIVE))
        waiting = asyncio.create_task(has_place(places, LIVE))
        await asyncio.sleep(0)
    assert await waiting


async def test_at_an_endpoint_without_a_prompt_answer_nobody_waits() -> None:
    places = few(waiting_seconds=3600)
    places.learn(DEAD, was_prompt=False)
    async with taken(places, DEAD, DEAD, DEAD) as found:
        assert found == [True, True, False]


async def test_the_waiting_room_is_small() -> None:
    places = few(waiting_seconds=3600)
    async with taken(places, LIVE, LIVE):
        waiting = [asyncio.create_task(has_place(places, LIVE)) for _ in range(WAITING_PER_ENDPOINT)]
        await asyncio.sleep(0)
        assert not await has_place(places, LIVE)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        # Who is cancelled leaves the room.
        one_more = asyncio.create_task(has_place(places, LIVE))
        await asyncio.sleep(0)
        assert not one_more.done()
    assert await one_more


@pytest.mark.checklist("N9")
async def test_dead_endpoints_with_many_names_leave_places_to_those_that_answer() -> None:
    places = few()
    places.learn(LIVE, was_prompt=True)
    names = [f"https://{number}.dead.example:443" for number in range(10)]
    async with taken(places, *names) as found:
        assert sum(found) == 6
        assert await has_place(places, LIVE)


async def test_no_more_than_all_places_are_taken() -> None:
    places = few()
    names = [f"https://{number}.live.example:443" for number in range(9)]
    for name in names:
        places.learn(name, was_prompt=True)
    async with taken(places, *names) as found:
        assert sum(found) == 8


async def test_a_cancelled_attempt_gives_its_place_back() -> None:
    places = EndpointPlaces(in_all=1, per_endpoint=1, waiting_seconds=0.05)
    entered = asyncio.Event()

    async def hang() -> None:
        async with places.one(LIVE):
            entered.set()
            await asyncio.Event().wait()

    hanging = asyncio.create_task(hang())
    await until(entered.is_set)
    hanging.cancel()
    await asyncio.wait([hanging])
    assert await has_place(places, LIVE)
