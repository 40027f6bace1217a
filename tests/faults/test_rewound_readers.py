"""Offsets lost, tables lost, any order, any death: readers that begin again do harm to no request."""

import random

import pytest

from services.aggregator.domain.progress import ChunkProgress
from services.aggregator.on_image_processed import ChunkId
from shared.topics import IMAGES_REQUESTED_BULK, REQUESTS_COMPLETED
from tests.faults.readers import Reader
from tests.faults.standing import completions, standing
from tests.faults.world import World
from tests.unit.ingest.fakes import images_of

pytestmark = pytest.mark.stack

IMAGES = 9
# The processor would fetch everything again, and say of everything what it said before.
QUIET = ("planner", "stream", "requests", "assembler", "publisher", "completed", "deleted")


async def usual_standing(world: World) -> dict[str, object]:
    request = await world.submit(images_of(IMAGES))
    await world.settle()
    return await standing(world, request.request_id)


@pytest.mark.parametrize("names", [*((name,) for name in QUIET), QUIET], ids="+".join)
async def test_a_reader_that_begins_again_after_the_end_publishes_and_releases_nothing(
    world: World, names: tuple[str, ...]
) -> None:
    request = await world.submit(images_of(IMAGES))
    await world.settle()
    before, sizes = await standing(world, request.request_id), world.sizes()
    for name in names:
        world.readers[name].rewind()
        world.readers[name].restart()
    await world.settle()
    assert await standing(world, request.request_id) == before
    for topic in (IMAGES_REQUESTED_BULK, REQUESTS_COMPLETED):
        assert world.sizes()[topic.name] == sizes[topic.name]


@pytest.mark.parametrize("name", QUIET)
async def test_a_reader_that_begins_again_in_the_middle_changes_nothing(world: World, name: str) -> None:
    expected = await usual_standing(world)
    request = await world.submit(images_of(IMAGES))
    for _ in range(IMAGES // 2):
        for reader in world.readers.values():
            await reader.turn()
    assert not completions(world, request.request_id)
    world.readers[name].rewind()
    world.readers[name].restart()
    await world.settle()
    assert await standing(world, request.request_id) == expected
    assert len(completions(world, request.request_id)) == 1


class Mischief:
    """What befalls readers at random, but as often as not nothing."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._chance = random.Random(seed)
        self._older: dict[ChunkId, ChunkProgress] = {}
        world.readers["stream"].at_once = self._chance.choice([1, 2, 5])

    async def some_turns(self) -> None:
        deeds = (self._kill, self._rewind, self._lose_table, self._set_table_back, self._repeat)
        for _ in range(self._chance.randrange(100, 300)):
            reader = self._world.readers[self._chance.choice(list(self._world.readers))]
            await reader.turn()
            if self._chance.random() < 0.5:
                self._chance.choice(deeds)(reader)

    def _kill(self, reader: Reader) -> None:
        reader.restart(ends_after=self._chance.randrange(1, 5))

    def _rewind(self, reader: Reader) -> None:
        reader.rewind()
        reader.restart()

    def _lose_table(self, _reader: Reader) -> None:
        self._older = dict(self._world.table.chunks)
        self._world.table.chunks.clear()
        self._world.readers["stream"].restart()

    def _set_table_back(self, _reader: Reader) -> None:
        self._world.table.chunks |= self._older
        self._world.readers["stream"].restart()

    def _repeat(self, _reader: Reader) -> None:
        self._world.repeat_some(self._chance)


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_the_order_and_whoever_dies_rewinds_or_forgets_the_end_is_the_same(
    world: World, seed: int
) -> None:
    expected = await usual_standing(world)
    request = await world.submit(images_of(IMAGES))
    await Mischief(world, seed).some_turns()
    for reader in world.readers.values():
        reader.restart()
    await world.settle()
    assert await standing(world, request.request_id) == expected
    assert len(completions(world, request.request_id)) == 1
