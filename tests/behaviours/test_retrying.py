"""What retry tiers promise, whatever broker they live on."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from shared.errors import Transient
from shared.events import ImageRequested
from shared.kafka.consumer import Consumer, Handling
from shared.kafka.records import Received
from shared.kafka.retry_tiers import RetryTiers, tries_of
from shared.topics import IMAGES_DLT, IMAGES_REQUESTED_BULK
from tests.behaviours.brokers import RETRY_1S, Broker
from tests.image_events import image_requested
from tests.waiting import until

GROUP = "behaviour"
FAILURE = Transient("http_5xx", "The server answered with status 500.")


class Flaky:
    """A handler that fails until it was called often enough; it remembers when, and what the headers said."""

    def __init__(self, broker: Broker, *, failures: int, after: timedelta, most: int = 9) -> None:
        def now() -> datetime:
            return datetime.now(UTC)

        self.tiers = RetryTiers([RETRY_1S], IMAGES_DLT, broker.facts, source="pixelmill/test", now=now)
        self.calls: list[tuple[float, int]] = []
        self._failures, self._after, self._most = failures, after, most

    async def __call__(self, received: Received[ImageRequested]) -> None:
        made = tries_of(received.headers).made
        self.calls.append((time.time(), made))
        if made >= self._failures:
            return
        if made + 1 < self._most:
            await self.tiers.retry(received, FAILURE, after=self._after)
        else:
            await self.tiers.give_up(received, FAILURE, made=made + 1)


@asynccontextmanager
async def running(broker: Broker, flaky: Flaky, now: Callable[[], float] = time.time) -> AsyncIterator[None]:
    stop = asyncio.Event()
    member = Consumer(
        broker.source(GROUP, [IMAGES_REQUESTED_BULK, RETRY_1S]),
        handlers={ImageRequested: flaky},
        dead_letters=broker.facts,
        handling=Handling(commit_seconds=0.05),
        retries=flaky.tiers,
        now=now,
    )
    task = asyncio.create_task(member.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def request(broker: Broker) -> None:
    event = image_requested()
    await broker.facts.publish(IMAGES_REQUESTED_BULK, event)


async def test_what_failed_comes_again_after_its_delay_and_not_before(broker: Broker) -> None:
    flaky = Flaky(broker, failures=2, after=timedelta(seconds=1))
    await request(broker)
    async with running(broker, flaky):
        await until(lambda: len(flaky.calls) == 3, seconds=20)
    assert [made for _, made in flaky.calls] == [0, 1, 2]
    times = [at for at, _ in flaky.calls]
    assert all(0.9 < later - earlier < 5 for earlier, later in pairwise(times))


async def test_a_longer_delay_is_made_of_hops(broker: Broker) -> None:
    flaky = Flaky(broker, failures=1, after=timedelta(seconds=2))
    await request(broker)
    async with running(broker, flaky):
        await until(lambda: len(flaky.calls) == 2, seconds=20)
    assert len(await broker.records(RETRY_1S)) == 2
    assert flaky.calls[1][0] - flaky.calls[0][0] > 1.7


async def test_what_fell_due_while_nobody_read_happens_when_somebody_does(broker: Broker) -> None:
    flaky = Flaky(broker, failures=1, after=timedelta(seconds=1))
    await request(broker)
    async with running(broker, flaky, now=lambda: 0.0 if flaky.calls else time.time()):
        await until(lambda: len(flaky.calls) == 1)
    async with running(broker, flaky):
        await until(lambda: len(flaky.calls) == 2, seconds=20)


async def test_who_is_given_up_lies_among_the_dead_letters_and_the_consumer_goes_on(broker: Broker) -> None:
    flaky = Flaky(broker, failures=9, after=timedelta(seconds=1), most=1)
    await request(broker)
    async with running(broker, flaky):
        await until(lambda: len(flaky.calls) == 1)
        await request(broker)
        await until(lambda: len(flaky.calls) == 2)
    letters = await broker.records(IMAGES_DLT)
    assert [dict(letter.headers)["error-code"] for letter in letters] == [b"http_5xx", b"http_5xx"]
