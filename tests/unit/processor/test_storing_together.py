"""Made pictures wait for each other to be stored while others are in hand, and not otherwise."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from services.processor.another_try import AnotherTry
from services.processor.codec.memory_file import MemoryFile
from services.processor.on_image_requested import OnImageRequested
from services.processor.suspension import Wakefulness
from services.processor.wiring import places_that_wait
from shared.errors import DependencyAway, Permanent
from shared.kafka.gathering import Gathering
from shared.kafka.records import Rest
from shared.recipes import Rendition
from tests.unit.processor.fakes import FakeCodec, FakeFacts, FakeImages, FakeSources, FakeTiers, requested
from tests.waiting import until

LONG = 60.0


class House:
    """A handler whose sources answer when they are told to; whoever waits to store waits for a minute."""

    def __init__(self, *, most: int = 100) -> None:
        self.answers: dict[str, asyncio.Future[None]] = {}
        self.made = FakeSources({url_of(number): b"cup" for number in range(9)})
        self.codec = FakeCodec()
        self.images = FakeImages()
        self.handler = OnImageRequested(
            self,
            self.codec,
            self.images,
            FakeFacts(),
            later_tries=AnotherTry(
                FakeTiers(), FakeFacts(), patience=timedelta(hours=1), now=lambda: datetime.now(UTC)
            ),
            wakefulness=Wakefulness(),
            storing=Gathering(seconds=LONG, most=most),
        )

    @asynccontextmanager
    async def fetched(self, url: str) -> AsyncIterator[MemoryFile]:
        await self.answers.setdefault(url, asyncio.get_running_loop().create_future())
        async with self.made.fetched(url) as source:
            yield source

    async def begin(self, number: int) -> asyncio.Task[Rest]:
        """Have an image in hand that waits for its source."""
        task = asyncio.create_task(self.handle(number))
        await until(lambda: url_of(number) in self.answers, seconds=5, what="the source to be asked")
        return task

    async def handle(self, number: int) -> Rest:
        renditions = (Rendition(name="compressed"), Rendition(name="small", width=9))
        return await self.handler(requested(number, url=url_of(number), renditions=renditions))

    async def answer(self, number: int) -> None:
        """Give an image its source, and let it come as far as it does."""
        runs = self.codec.runs
        self.answers[url_of(number)].set_result(None)
        await until(lambda: self.codec.runs > runs, seconds=5, what="the codec to be asked")
        for _ in range(9):
            await asyncio.sleep(0)

    @property
    def stored(self) -> int:
        return len(self.images.stored)


def url_of(number: int) -> str:
    return f"http://shop.example/{number}.jpg"


@pytest.fixture
def house() -> House:
    return House()


async def test_a_picture_alone_is_stored_at_once_with_all_its_renditions(house: House) -> None:
    task = await house.begin(0)
    await house.answer(0)
    await asyncio.wait_for(task, 5)
    assert house.stored == 2


async def test_a_made_picture_waits_for_another_in_hand_without_its_source(house: House) -> None:
    first, second = await house.begin(0), await house.begin(1)
    await house.answer(0)
    assert (house.stored, house.made.held, first.done()) == (0, 0, False)
    await house.answer(1)
    await asyncio.wait_for(asyncio.gather(first, second), 5)
    assert house.stored == 4


@pytest.mark.parametrize("trouble", [Permanent("not_an_image", "No picture."), DependencyAway("codec", "gone")])
async def test_nobody_waits_for_a_picture_that_failed(house: House, trouble: Permanent | DependencyAway) -> None:
    first, second = await house.begin(0), await house.begin(1)
    await house.answer(0)
    house.codec.error = trouble
    house.answers[url_of(1)].set_result(None)
    await asyncio.wait_for(asyncio.gather(first, second, return_exceptions=True), 5)
    assert house.stored == 2


async def test_nobody_waits_for_a_picture_that_was_dropped(house: House) -> None:
    first, second = await house.begin(0), await house.begin(1)
    await house.answer(0)
    second.cancel()
    await asyncio.wait_for(first, 5)
    assert house.stored == 2


async def test_no_more_pictures_wait_than_are_to() -> None:
    house = House(most=2)
    tasks = [await house.begin(number) for number in range(3)]
    await house.answer(0)
    assert house.stored == 0
    await house.answer(1)
    await asyncio.wait_for(asyncio.gather(*tasks[:2]), 5)
    assert (house.stored, tasks[2].done()) == (4, False)
    await house.answer(2)
    await asyncio.wait_for(tasks[2], 5)


@pytest.mark.parametrize(("places", "waiting"), [(1, 1), (2, 1), (16, 8)])
def test_half_of_the_places_may_wait_and_a_single_one_never_does(places: int, waiting: int) -> None:
    assert places_that_wait(places) == waiting
