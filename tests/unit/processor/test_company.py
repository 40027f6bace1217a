"""Together or alone."""

import asyncio
from contextlib import AbstractAsyncContextManager

from services.processor.company import Company
from tests.waiting import until


class Guest:
    """Someone who comes in, and stays until it is asked to leave."""

    def __init__(self, place: AbstractAsyncContextManager[None]) -> None:
        self.is_inside = False
        self._may_leave = asyncio.Event()
        self._task = asyncio.create_task(self._visit(place))

    async def _visit(self, place: AbstractAsyncContextManager[None]) -> None:
        async with place:
            self.is_inside = True
            await self._may_leave.wait()
        self.is_inside = False

    async def leaves(self) -> None:
        self._may_leave.set()
        await self._task

    async def goes_away(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def settled() -> None:
    """Let everybody take the steps that they can take."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_many_are_together() -> None:
    company = Company()
    guests = [Guest(company.together()) for _ in range(3)]
    await until(lambda: all(guest.is_inside for guest in guests))
    for guest in guests:
        await guest.leaves()


async def test_one_who_must_be_alone_waits_for_the_others_and_keeps_out_who_comes_after() -> None:
    company = Company()
    first = Guest(company.together())
    await settled()
    alone, later = Guest(company.alone()), Guest(company.together())
    await settled()
    assert (first.is_inside, alone.is_inside, later.is_inside) == (True, False, False)
    await first.leaves()
    await settled()
    assert (alone.is_inside, later.is_inside) == (True, False)
    await alone.leaves()
    await settled()
    assert later.is_inside
    await later.leaves()


async def test_two_who_must_be_alone_come_one_after_the_other() -> None:
    company = Company()
    first, second = Guest(company.alone()), Guest(company.alone())
    await settled()
    assert (first.is_inside, second.is_inside) == (True, False)
    await first.leaves()
    await settled()
    assert second.is_inside
    await second.leaves()


async def test_one_who_stops_waiting_to_be_alone_keeps_nobody_out() -> None:
    company = Company()
    first = Guest(company.together())
    await settled()
    alone, later = Guest(company.alone()), Guest(company.together())
    await settled()
    await alone.goes_away()
    await settled()
    assert later.is_inside
    await first.leaves()
    await later.leaves()


async def test_one_who_goes_away_inside_makes_room() -> None:
    company = Company()
    alone = Guest(company.alone())
    await settled()
    later = Guest(company.together())
    await alone.goes_away()
    await settled()
    assert later.is_inside
    await later.leaves()


async def test_one_who_is_let_in_and_goes_away_in_the_same_moment_makes_room() -> None:
    company = Company()
    first = Guest(company.alone())
    await settled()
    second, third = Guest(company.alone()), Guest(company.together())
    await settled()
    leaving = asyncio.create_task(first.leaves())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await second.goes_away()
    await leaving
    await settled()
    assert third.is_inside
    await third.leaves()
