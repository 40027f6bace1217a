"""Whoever publishes waits for others while there is other work in hand, and not otherwise."""

import asyncio
import time

from shared.kafka.gathering import Gathering
from tests.waiting import until

LONG = 60.0


class Publishers:
    """Tasks that wait for the moment to publish; each notes how many went on before it in the same turn."""

    def __init__(self, gathering: Gathering) -> None:
        self._gathering = gathering
        self.waiting = 0
        self.rounds: list[int] = []
        self._turn: asyncio.Handle | None = None

    def start(self, count: int = 1) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self._publish()) for _ in range(count)]

    async def _publish(self) -> None:
        self.waiting += 1
        await self._gathering.moment()
        self.waiting -= 1
        if self._turn is None:
            self.rounds.append(0)
            self._turn = asyncio.get_running_loop().call_soon(self._end_turn)
        self.rounds[-1] += 1

    def _end_turn(self) -> None:
        self._turn = None


async def test_without_other_work_in_hand_nobody_waits() -> None:
    gathering = Gathering(seconds=LONG)
    await asyncio.wait_for(gathering.moment(), 5)
    gathering.begin("work")
    gathering.end("work")
    await asyncio.wait_for(gathering.moment(), 5)


async def test_a_task_that_publishes_is_no_other_work() -> None:
    gathering = Gathering(seconds=LONG)
    publishers = Publishers(gathering)
    tasks = publishers.start(3)
    for task in tasks:
        gathering.begin(task)
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert publishers.rounds == [3]


async def test_a_task_that_is_idle_is_no_other_work_until_it_goes_on() -> None:
    gathering = Gathering(seconds=LONG)
    is_idle, goes_on, ends = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        gathering.begin(asyncio.current_task())
        with gathering.idle():
            is_idle.set()
            await goes_on.wait()
        await ends.wait()
        gathering.end(asyncio.current_task())

    working, publishers = asyncio.create_task(work()), Publishers(gathering)
    await is_idle.wait()
    await asyncio.wait_for(publishers.start()[0], 5)
    goes_on.set()
    await asyncio.sleep(0)
    (waits,) = publishers.start()
    await until(lambda: publishers.waiting == 1)
    ends.set()
    await asyncio.wait_for(asyncio.gather(working, waits), 5)


async def test_all_who_wait_go_on_together_when_the_last_work_ends() -> None:
    gathering = Gathering(seconds=LONG)
    gathering.begin("work")
    publishers = Publishers(gathering)
    tasks = publishers.start(5)
    await until(lambda: publishers.waiting == 5)
    gathering.end("work")
    gathering.end("work")
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert publishers.rounds == [5]


async def test_nobody_waits_for_longer_than_is_allowed() -> None:
    gathering = Gathering(seconds=0.1)
    gathering.begin("work that never ends")
    publishers = Publishers(gathering)
    for _ in range(2):
        began = time.monotonic()
        await asyncio.wait_for(asyncio.gather(*publishers.start(2)), 5)
        assert time.monotonic() - began >= 0.09
    assert publishers.rounds == [2, 2]


async def test_no_more_wait_than_are_allowed() -> None:
    gathering = Gathering(seconds=LONG, most=3)
    gathering.begin("work that never ends")
    publishers = Publishers(gathering)
    tasks = publishers.start(7)
    await until(lambda: publishers.waiting == 1)
    gathering.end("work that never ends")
    await asyncio.wait_for(asyncio.gather(*tasks), 5)


async def test_whoever_gives_up_waiting_is_work_again_and_holds_up_nobody() -> None:
    gathering = Gathering(seconds=LONG)
    publishers = Publishers(gathering)
    gathering.begin("work")
    (impatient,) = publishers.start()
    gathering.begin(impatient)
    await until(lambda: publishers.waiting == 1)
    impatient.cancel()
    await asyncio.wait({impatient})
    gathering.end("work")
    others = publishers.start()
    await until(lambda: publishers.waiting == 2)
    gathering.end(impatient)
    await asyncio.wait_for(asyncio.gather(*others), 5)
