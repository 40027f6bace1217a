"""A process notices that it stood still."""

import asyncio
from dataclasses import dataclass

from shared.suspension import BEAT_SECONDS, GAP_SECONDS, Wakefulness
from tests.waiting import until

A_LONG_TIME = 60.0


@dataclass
class ManualClock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_process_that_beats_has_not_stood_still() -> None:
    clock = ManualClock()
    wakefulness = Wakefulness(clock)
    mark = wakefulness.mark()
    for _ in range(1000):
        clock.now += BEAT_SECONDS + GAP_SECONDS
        assert not wakefulness.stood_still_since(mark)


def test_who_asks_first_after_a_gap_finds_it_without_a_beat() -> None:
    clock = ManualClock()
    wakefulness = Wakefulness(clock)
    mark = wakefulness.mark()
    clock.now += A_LONG_TIME
    assert wakefulness.stood_still_since(mark)
    assert wakefulness.stood_still_since(mark)


def test_who_asks_after_the_beat_finds_the_gap_too() -> None:
    clock = ManualClock()
    wakefulness = Wakefulness(clock)
    mark = wakefulness.mark()
    clock.now += A_LONG_TIME
    wakefulness.mark()
    assert wakefulness.stood_still_since(mark)


def test_a_gap_that_was_over_before_is_none_of_mine() -> None:
    clock = ManualClock()
    wakefulness = Wakefulness(clock)
    clock.now += A_LONG_TIME
    assert not wakefulness.stood_still_since(wakefulness.mark())


async def test_it_beats_until_it_is_left() -> None:
    readings: list[float] = []

    def clock() -> float:
        readings.append(0.0)
        return 0.0

    async with Wakefulness(clock).beating():
        await until(lambda: len(readings) > 2, what="it beats")
    assert len(asyncio.all_tasks()) == 1
