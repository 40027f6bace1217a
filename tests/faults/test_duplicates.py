"""Every event at every place twice, each time in a record of its own: nothing is done twice, and nothing swells."""

from collections import Counter

import pytest

from shared.events import ChunkAdvanced, ImageRequested
from shared.topics import (
    IMAGES_PROCESSED,
    IMAGES_REQUESTED_BULK,
    REQUESTS_ACCEPTED,
    REQUESTS_ASSEMBLED,
    REQUESTS_COMPLETED,
    REQUESTS_DELETED,
    REQUESTS_PROGRESS,
    Topic,
)
from tests.faults.ingest import delete
from tests.faults.standing import standing
from tests.faults.world import World
from tests.unit.ingest.fakes import images_of

pytestmark = pytest.mark.stack

IMAGES, CHUNKS = 13, 7
# A record an image, two a chunk (it advances once and completes once), and else one a request.
SIZES = Counter(
    {
        REQUESTS_ACCEPTED: 1,
        IMAGES_REQUESTED_BULK: IMAGES,
        IMAGES_PROCESSED: IMAGES,
        REQUESTS_PROGRESS: 2 * CHUNKS,
        REQUESTS_ASSEMBLED: 1,
        REQUESTS_COMPLETED: 1,
    }
)


def sizes_with(twice: tuple[Topic, ...]) -> dict[str, int]:
    """How many records there are when those of some topics are written twice: in no other topic are more.

    But a picture that is asked for twice is answered twice.
    """
    sizes = {topic: 2 * size if topic in twice else size for topic, size in SIZES.items()}
    if IMAGES_REQUESTED_BULK in twice:
        sizes[IMAGES_PROCESSED] *= 2
    return {topic.name: size for topic, size in sizes.items()}


@pytest.mark.parametrize(
    "twice", [*((topic,) for topic in SIZES), tuple(SIZES)], ids=[*(topic.name for topic in SIZES), "all"]
)
@pytest.mark.checklist("A1")
async def test_a_request_whose_events_come_twice_ends_like_any_other(world: World, twice: tuple[Topic, ...]) -> None:
    usual = await world.submit(images_of(IMAGES))
    await world.settle()
    before = world.sizes()
    world.facts.twice = frozenset(twice)
    request = await world.submit(images_of(IMAGES))
    await world.settle()
    assert await standing(world, request.request_id) == await standing(world, usual.request_id)
    assert dict(world.sizes() - before) == sizes_with(twice)


@pytest.mark.parametrize("copies", [1, 50])
async def test_copies_of_an_advance_release_nothing_while_the_request_runs(world: World, copies: int) -> None:
    request = await world.submit(images_of(IMAGES))
    await world.settle("planner", "processor", "stream")
    (first, *_) = [event for event in world.events(REQUESTS_PROGRESS) if isinstance(event, ChunkAdvanced)]
    before = world.sizes()
    await world.facts.publish(REQUESTS_PROGRESS, *[first] * copies)
    await world.settle("planner", "processor", "stream")
    assert dict(world.sizes() - before) == {REQUESTS_PROGRESS.name: copies}
    await world.settle()
    released = [event for event in world.events(IMAGES_REQUESTED_BULK) if isinstance(event, ImageRequested)]
    assert Counter(event.indexes for event in released) == Counter((index,) for index in range(IMAGES))
    assert (await standing(world, request.request_id))["accepted"] == ["(True, True)"]


async def test_copies_of_everything_after_the_end_change_nothing(world: World) -> None:
    request = await world.submit(images_of(IMAGES))
    await world.settle()
    before, sizes = await standing(world, request.request_id), world.sizes()
    world.repeat(*SIZES)
    await world.settle()
    assert await standing(world, request.request_id) == before
    answers = Counter({IMAGES_PROCESSED.name: IMAGES})
    assert world.sizes() == sizes + sizes + answers


@pytest.mark.parametrize("end", ["cancelled", "expired"])
async def test_a_cancel_and_a_deadline_twice_end_once(world: World, end: str) -> None:
    world.facts.twice = frozenset({REQUESTS_PROGRESS, REQUESTS_ASSEMBLED})
    request = await world.submit(images_of(IMAGES))
    await world.settle("planner", "processor")
    await (world.cancel(request) if end == "cancelled" else world.pass_deadline(request))
    await world.settle()
    found = await standing(world, request.request_id)
    assert f"'{end}'" in found["request"][0]
    assert world.sizes()[REQUESTS_ASSEMBLED.name] == 2
    assert world.sizes()[REQUESTS_COMPLETED.name] == 1


async def test_a_deletion_twice_takes_one_request_and_no_other(world: World) -> None:
    kept, request = await world.submit(images_of(3)), await world.submit(images_of(3))
    await world.settle()
    before = await standing(world, kept.request_id)
    world.facts.twice = frozenset({REQUESTS_DELETED})
    await delete(world, request)
    await world.settle()
    gone = await standing(world, request.request_id)
    assert not any(gone[part] for part in ("request", "results", "images", "chunks", "released", "accepted"))
    world.repeat(*SIZES)
    await world.settle()
    assert await standing(world, request.request_id) == gone
    assert await standing(world, kept.request_id) == before
