"""One watchdog of several is at work."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from services.aggregator.watchdog import LEASE, RENEWAL, Duty, Watchdog
from shared.errors import DependencyAway
from tests.unit.aggregator.watchdog_fakes import Clock
from tests.waiting import until


class SharedLease:
    """The row that all holders write."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.holder: str | None = None
        self.expires_at = clock()
        self.is_away = False

    def for_holder(self, name: str) -> "HeldLease":
        return HeldLease(self, name)


class HeldLease:
    def __init__(self, row: SharedLease, name: str) -> None:
        self._row = row
        self._name = name

    async def hold(self, duration: timedelta) -> bool:
        row = self._row
        if row.is_away:
            raise DependencyAway("postgres", "no server")
        if row.holder not in (None, self._name) and row.clock() < row.expires_at:
            return False
        row.holder, row.expires_at = self._name, row.clock() + duration
        return True

    async def release(self) -> None:
        if self._row.holder == self._name:
            self._row.holder = None


class Round:
    """A duty that counts; it may be told that its part is away."""

    def __init__(self) -> None:
        self.turns = 0
        self.is_away = False

    async def turn(self, now: datetime) -> None:
        if self.is_away:
            raise DependencyAway("kafka", f"nobody answers at {now}")
        self.turns += 1


class Kennel:
    """Two watchdogs with one lease."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.lease = SharedLease(self.clock)
        self.rounds: dict[str, list[Round]] = {"first": [], "second": []}
        self.first, self.second = (self._watchdog(name) for name in self.rounds)

    def _watchdog(self, name: str) -> Watchdog:
        def duties() -> Sequence[Duty]:
            self.rounds[name].append(Round())
            return self.rounds[name][-1:]

        return Watchdog(self.lease.for_holder(name), duties, now=self.clock, turn_seconds=0.01)

    def turns(self, name: str) -> list[int]:
        return [each.turns for each in self.rounds[name]]


async def test_only_the_holder_of_the_lease_works() -> None:
    kennel = Kennel()
    for _ in range(3):
        await kennel.first.turn()
        await kennel.second.turn()
        kennel.clock.pass_(RENEWAL)
    assert (kennel.turns("first"), kennel.turns("second")) == ([3], [])


async def test_a_holder_that_says_nothing_is_taken_over_when_the_lease_expires() -> None:
    kennel = Kennel()
    await kennel.first.turn()
    kennel.clock.pass_(LEASE - RENEWAL)
    await kennel.second.turn()
    assert kennel.turns("second") == []
    kennel.clock.pass_(RENEWAL)
    await kennel.second.turn()
    assert kennel.turns("second") == [1]


async def test_a_holder_that_slept_notices_that_it_was_taken_over() -> None:
    kennel = Kennel()
    await kennel.first.turn()
    kennel.clock.pass_(LEASE)
    await kennel.second.turn()
    await kennel.first.turn()
    assert (kennel.turns("first"), kennel.turns("second")) == ([1], [1])


async def test_who_gets_the_lease_back_begins_anew() -> None:
    kennel = Kennel()
    await kennel.first.turn()
    kennel.clock.pass_(LEASE)
    await kennel.second.turn()
    await kennel.first.turn()
    kennel.clock.pass_(LEASE)
    await kennel.first.turn()
    assert kennel.turns("first") == [1, 1]


async def test_a_duty_that_cannot_be_done_keeps_no_other_from_being_done() -> None:
    clock = Clock()
    blocked, free = Round(), Round()
    blocked.is_away = True
    watchdog = Watchdog(SharedLease(clock).for_holder("only"), lambda: [blocked, free], now=clock)
    for _ in range(3):
        await watchdog.turn()
    blocked.is_away = False
    await watchdog.turn()
    assert (blocked.turns, free.turns) == (1, 4)


async def test_without_the_database_nobody_begins_and_nobody_fails() -> None:
    kennel = Kennel()
    kennel.lease.is_away = True
    await kennel.first.turn()
    assert kennel.turns("first") == []
    kennel.lease.is_away = False
    await kennel.first.turn()
    assert kennel.turns("first") == [1]


async def test_a_stop_lets_the_lease_go_at_once() -> None:
    kennel = Kennel()
    stop = asyncio.Event()
    running = asyncio.create_task(kennel.first.run(stop))
    await until(lambda: kennel.turns("first") > [2], seconds=5, what="the watchdog works")
    stop.set()
    await asyncio.wait_for(running, 1)
    await kennel.second.turn()
    assert kennel.turns("second") == [1]


class Endless:
    """A duty that waits for ever."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.times_given_up = 0

    async def turn(self, _now: datetime) -> None:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.times_given_up += 1


async def test_a_duty_that_takes_long_keeps_neither_others_nor_the_lease_waiting() -> None:
    clock = Clock()
    lease, endless, quick = SharedLease(clock), Endless(), Round()
    watchdog = Watchdog(lease.for_holder("only"), lambda: [endless, quick], now=clock, turn_seconds=0.01)
    for _ in range(4):
        await watchdog.turn()
        clock.pass_(RENEWAL)
    assert quick.turns == 4
    assert lease.expires_at > clock()
    stop = asyncio.Event()
    stop.set()
    await watchdog.run(stop)
    assert endless.times_given_up == 1


class Broken:
    """A duty with a bug."""

    async def turn(self, _now: datetime) -> None:
        raise ZeroDivisionError


async def test_a_bug_ends_the_watchdog() -> None:
    clock = Clock()
    watchdog = Watchdog(SharedLease(clock).for_holder("only"), lambda: [Broken()], now=clock)
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(watchdog.run(asyncio.Event()), 5)


async def test_a_stop_gives_up_a_turn_in_the_middle() -> None:
    clock = Clock()
    duty, stop = Endless(), asyncio.Event()
    watchdog = Watchdog(SharedLease(clock).for_holder("only"), lambda: [duty], now=clock)
    running = asyncio.create_task(watchdog.run(stop))
    await asyncio.wait_for(duty.began.wait(), 5)
    stop.set()
    await asyncio.wait_for(running, 1)
