"""A process that stood still blames nobody for what was late meanwhile."""

import asyncio

import pytest

from services.processor.suspension import BEAT_SECONDS, GAP_SECONDS, Wakefulness
from shared.errors import DependencyAway, Permanent, Transient
from tests.unit.processor.fakes import ManualClock
from tests.waiting import until

TIMEOUT = Transient("timeout", "Too slow.")
A_LONG_TIME = 60.0


def fail_across_a_gap(error: Transient | Permanent) -> None:
    clock = ManualClock()
    with Wakefulness(clock).uninterrupted():
        clock.now += A_LONG_TIME
        raise error


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


@pytest.mark.parametrize(
    "error",
    [
        TIMEOUT,
        Transient("connect_error", "Closed."),
        Transient("truncated", "Half."),
        Transient("http_4xx", "408."),
        Permanent("codec_timeout", "Too long."),
    ],
)
def test_a_failure_across_a_gap_is_our_own(error: Transient | Permanent) -> None:
    with pytest.raises(DependencyAway) as raised:
        fail_across_a_gap(error)
    assert raised.value.part == "processor"


@pytest.mark.parametrize(
    "error", [Transient("http_5xx", "500."), Permanent("http_404", "404."), Permanent("http_4xx", "418.")]
)
def test_what_a_source_said_counts_whatever_happened(error: Transient | Permanent) -> None:
    with pytest.raises(type(error)):
        fail_across_a_gap(error)


def test_a_failure_without_a_gap_counts() -> None:
    with pytest.raises(Transient), Wakefulness(ManualClock()).uninterrupted():
        raise TIMEOUT


async def test_it_beats_until_it_is_left() -> None:
    readings: list[float] = []

    def clock() -> float:
        readings.append(0.0)
        return 0.0

    async with Wakefulness(clock).beating():
        await until(lambda: len(readings) > 2, what="it beats")
    assert len(asyncio.all_tasks()) == 1
