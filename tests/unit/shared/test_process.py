"""What becomes of a process when one of its roles ends."""

import asyncio

import pytest

from shared.process import RoleVanished, run_roles


async def until_stopped(stop: asyncio.Event) -> None:
    await stop.wait()


async def test_a_role_that_returns_stops_the_others() -> None:
    async def ends(_stop: asyncio.Event) -> None:
        return

    await asyncio.wait_for(run_roles(asyncio.Event(), until_stopped, ends), 5)


async def test_the_failure_of_a_role_is_raised() -> None:
    async def fails(_stop: asyncio.Event) -> None:
        raise ValueError("a bug")

    with pytest.raises(ExceptionGroup) as raised:
        await asyncio.wait_for(run_roles(asyncio.Event(), until_stopped, fails), 5)
    assert raised.group_contains(ValueError, match="a bug")


async def test_a_role_that_is_cancelled_from_within_does_not_vanish_unseen() -> None:
    async def waits_for_what_is_given_up(_stop: asyncio.Event) -> None:
        given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        given_up.cancel()
        await given_up

    with pytest.raises(ExceptionGroup) as raised:
        await asyncio.wait_for(run_roles(asyncio.Event(), until_stopped, waits_for_what_is_given_up), 5)
    assert raised.group_contains(RoleVanished)


async def test_roles_that_are_told_to_end_end_quietly() -> None:
    running = asyncio.create_task(run_roles(asyncio.Event(), until_stopped, until_stopped))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
