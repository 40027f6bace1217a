"""A process notices that it stood still."""

import asyncio
from dataclasses import dataclass

from services.notifier.pulse import Pulse
from tests.waiting import until


@dataclass
class Watch:
    time: float = 100.0

    def __call__(self) -> float:
        return self.time


def test_a_regular_beat_is_no_standstill() -> None:
    watch = Watch()
    pulse = Pulse(watch)
    for _ in range(20):
        watch.time += 0.6
        pulse.beat()
    assert not pulse.stood_still_since(100.0)


def test_a_gap_is_noticed_by_whoever_asks_first_and_concerns_only_what_was_under_way() -> None:
    watch = Watch()
    pulse = Pulse(watch)
    watch.time += 30
    assert pulse.stood_still_since(101.0)
    watch.time += 1
    assert pulse.stood_still_since(101.0)
    assert not pulse.stood_still_since(130.5)


async def test_it_beats_until_it_is_stopped() -> None:
    beats: list[float] = []

    def count() -> float:
        beats.append(0.0)
        return 0.0

    stop = asyncio.Event()
    running = asyncio.create_task(Pulse(count).run(stop))
    await until(lambda: len(beats) >= 3)
    stop.set()
    await running
