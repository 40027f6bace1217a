"""A process dies between any two steps, is started again and gets the same record: the end is that of a quiet run."""

from collections.abc import Awaitable, Callable

import pytest

from shared.request_files import RequestFile
from shared.topics import IMAGES_PROCESSED
from tests.faults.processor import results_of
from tests.faults.standing import completions, standing
from tests.faults.world import World
from tests.unit.ingest.fakes import images_of

pytestmark = pytest.mark.stack

IMAGES = 5
Scene = Callable[[World], Awaitable[RequestFile]]


async def with_last_chunk(world: World) -> RequestFile:
    """All is done but the completion of the last chunk is not read yet."""
    request = await world.submit(images_of(IMAGES))
    results = results_of(request)
    await world.facts.publish(IMAGES_PROCESSED, *results[:-1])
    await world.settle("stream", "requests", "assembler", "planner")
    await world.facts.publish(IMAGES_PROCESSED, results[-1])
    await world.settle("stream")
    return request


async def with_cancel(world: World) -> RequestFile:
    """One of three chunks is recorded, and a cancel waits to be read."""
    request = await world.submit(images_of(IMAGES))
    await world.facts.publish(IMAGES_PROCESSED, *results_of(request)[:3])
    await world.settle("stream", "requests", "assembler")
    await world.cancel(request)
    return request


async def with_cancel_and_nothing_else(world: World) -> RequestFile:
    request = await world.submit(images_of(IMAGES))
    await world.cancel(request)
    return request


async def assembled(world: World) -> RequestFile:
    request = await with_last_chunk(world)
    await world.settle("assembler")
    return request


async def published(world: World) -> RequestFile:
    request = await assembled(world)
    await world.settle("publisher")
    return request


async def with_results(world: World) -> RequestFile:
    """All results wait to be read, those of the first chunk more than once."""
    request = await world.submit(images_of(IMAGES))
    results = results_of(request)
    await world.facts.publish(IMAGES_PROCESSED, results[0], *results, *results[:2])
    return request


async def with_advances(world: World) -> RequestFile:
    """The planner has an acceptance and all progress to read, and the request runs."""
    request = await world.submit(images_of(IMAGES))
    await world.facts.publish(IMAGES_PROCESSED, *results_of(request))
    await world.settle("stream")
    return request


# What is at hand, who works on it, and a step that must be among those after which it dies.
SCENES: dict[str, tuple[Scene, str, str]] = {
    "rule 4, chunks are released": (with_advances, "planner", "claim"),
    "rule 6, results are recorded": (with_results, "stream", "record"),
    "rule 7, the last chunk completes": (with_last_chunk, "assembler", "claim_end"),
    "rule 7, a cancel while chunks are under way": (with_cancel, "assembler", "fill_missing"),
    "rule 7, a cancel before everything": (with_cancel_and_nothing_else, "assembler", "insert"),
    "rule 8, the completion is marked and published": (assembled, "publisher", "mark_completion"),
    "rule 8, the publication is noted": (published, "completed", "set_published"),
}


@pytest.mark.parametrize("scene", SCENES)
async def test_a_death_after_any_step_ends_as_no_death(world: World, scene: str) -> None:
    prepare, name, decisive = SCENES[scene]
    reader = world.readers[name]
    usual = await prepare(world)
    reader.restart()
    await world.settle(name)
    steps = list(reader.life.steps)
    assert decisive in steps
    await world.settle()
    expected = await standing(world, usual.request_id)
    for number, step in enumerate(steps):
        request = await prepare(world)
        reader.restart(ends_after=number + 1)
        await world.settle(name)
        await world.settle()
        assert reader.deaths == number + 1, step
        assert await standing(world, request.request_id) == expected, f"died after step {number}, {step}"
        assert len(completions(world, request.request_id)) == 1, step


async def test_results_that_arrive_while_the_assembler_is_dead_are_counted_everywhere_or_nowhere(world: World) -> None:
    reader = world.readers["assembler"]
    request = await with_cancel(world)
    reader.restart()
    await world.settle("assembler")
    for number, step in enumerate(list(reader.life.steps)):
        request = await with_cancel(world)
        reader.restart(ends_after=number + 1)
        while reader.deaths == number:
            await reader.turn()
        await world.facts.publish(IMAGES_PROCESSED, *results_of(request))
        await world.settle("stream")
        await world.settle()
        found = await standing(world, request.request_id)
        (completion,) = completions(world, request.request_id)
        assert completion.state == "cancelled"
        assert completion.images.total == IMAGES == len(found["results"]) == len(found["images"])
        spared = sum("'cancelled'" in result for result in found["results"])
        assert completion.images.not_attempted == spared == found["csvs"][0].count("cancelled"), step
