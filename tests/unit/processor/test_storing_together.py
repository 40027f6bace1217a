"""Made pictures wait for each other to be stored while others are in hand, and not otherwise."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from services.processor.another_try import AnotherTry
from services.processor.codec.memory_file import MemoryFile
from services.processor.domain.picture import CompressedPicture
from services.processor.on_image_requested import OnImageRequested
from services.processor.suspension import Wakefulness
from services.processor.wiring import places_that_wait
from shared.errors import DependencyAway, Permanent
from shared.kafka.gathering import Gathering
from shared.kafka.records import Rest
from shared.recipes import Recipe, Rendition
from tests.unit.processor.fakes import FakeCodec, FakeFacts, FakeImages, FakeSources, FakeTiers, requested
from tests.waiting import until

LONG = 60.0


class House:
    """A handler whose sources and codec answer when told to; whoever waits to store waits for a minute."""

    def __init__(self, *, most: int = 100) -> None:
        self.answers: dict[str, asyncio.Future[None]] = {}
        self.makings: dict[bytes, asyncio.Future[None]] = {}
        self.sources = FakeSources({url_of(number): cup(number) for number in range(9)})
        self.codec = FakeCodec()
        self.images = FakeImages()
        self.handler = OnImageRequested(
            self,
            self,
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
        async with self.sources.fetched(url) as source:
            yield source

    @asynccontextmanager
    async def compressed(self, source: MemoryFile, recipe: Recipe) -> AsyncIterator[CompressedPicture]:
        await self.makings.setdefault(source.read(), asyncio.get_running_loop().create_future())
        async with self.codec.compressed(source, recipe) as picture:
            yield picture

    async def begin(self, number: int) -> asyncio.Task[Rest]:
        """Have an image in hand that waits for its source."""
        task = asyncio.create_task(self.handle(number))
        await until(lambda: url_of(number) in self.answers, seconds=5, what="the source to be asked")
        return task

    async def making(self, number: int) -> asyncio.Task[Rest]:
        """Have an image in hand that is being made."""
        task = await self.begin(number)
        await self.fetch(number)
        return task

    async def handle(self, number: int) -> Rest:
        renditions = (Rendition(name="compressed"), Rendition(name="small", width=9))
        return await self.handler(requested(number, url=url_of(number), renditions=renditions))

    async def fetch(self, number: int) -> None:
        """Give an image its source."""
        self.answers[url_of(number)].set_result(None)
        await until(lambda: cup(number) in self.makings, seconds=5, what="the codec to be asked")

    async def make(self, number: int) -> None:
        """Have an image made, and let it come as far as it does."""
        runs = self.codec.runs
        self.makings[cup(number)].set_result(None)
        await until(lambda: self.codec.runs > runs, seconds=5, what="the picture to be made")
        for _ in range(9):
            await asyncio.sleep(0)

    @property
    def stored(self) -> int:
        return len(self.images.stored)


def cup(number: int) -> bytes:
    return b"cup %d" % number


def url_of(number: int) -> str:
    return f"http://shop.example/{number}.jpg"


@pytest.fixture
def house() -> House:
    return House()


async def test_a_picture_alone_is_stored_at_once_with_all_its_renditions(house: House) -> None:
    task = await house.making(0)
    await house.make(0)
    await asyncio.wait_for(task, 5)
    assert house.stored == 2


async def test_a_made_picture_waits_without_its_source_for_another_that_is_being_made(house: House) -> None:
    first, second = await house.making(0), await house.making(1)
    await house.make(0)
    assert (house.stored, house.sources.held, first.done()) == (0, 1, False)
    await house.make(1)
    await asyncio.wait_for(asyncio.gather(first, second), 5)
    assert house.stored == 4


async def test_a_made_picture_waits_for_no_download(house: House) -> None:
    slow, first = await house.begin(1), await house.making(0)
    await house.make(0)
    await asyncio.wait_for(first, 5)
    assert (house.stored, slow.done()) == (2, False)
    await house.fetch(1)
    await house.make(1)
    await asyncio.wait_for(slow, 5)


async def test_a_made_picture_does_not_wait_for_one_that_is_being_stored(house: House) -> None:
    first, second = await house.making(0), await house.making(1)
    await house.make(0)
    house.images.may_store = asyncio.Event()
    await house.make(1)
    assert house.images.asked == 2
    third = await house.making(2)
    await house.make(2)
    assert house.images.asked == 3
    house.images.may_store.set()
    await asyncio.wait_for(asyncio.gather(first, second, third), 5)


@pytest.mark.parametrize("trouble", [Permanent("not_an_image", "No picture."), DependencyAway("codec", "gone")])
async def test_nobody_waits_for_a_picture_that_failed(house: House, trouble: Permanent | DependencyAway) -> None:
    first, second = await house.making(0), await house.making(1)
    await house.make(0)
    house.codec.error = trouble
    await house.make(1)
    await asyncio.wait_for(asyncio.gather(first, second, return_exceptions=True), 5)
    assert house.stored == 2


async def test_nobody_waits_for_a_picture_that_was_dropped(house: House) -> None:
    first, second = await house.making(0), await house.making(1)
    await house.make(0)
    second.cancel()
    await asyncio.wait_for(first, 5)
    assert house.stored == 2


async def test_no_more_pictures_wait_than_are_to() -> None:
    house = House(most=2)
    tasks = [await house.making(number) for number in range(3)]
    await house.make(0)
    assert house.stored == 0
    await house.make(1)
    await asyncio.wait_for(asyncio.gather(*tasks[:2]), 5)
    assert (house.stored, tasks[2].done()) == (4, False)
    await house.make(2)
    await asyncio.wait_for(tasks[2], 5)


@pytest.mark.parametrize(
    ("places", "processes", "waiting"), [(1, 1, 1), (2, 1, 1), (16, 2, 8), (16, 6, 4), (16, 8, 1), (16, 64, 1)]
)
def test_half_of_the_places_may_wait_unless_the_codec_needs_them(places: int, processes: int, waiting: int) -> None:
    assert places_that_wait(places, codec_processes=processes) == waiting
