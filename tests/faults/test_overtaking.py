"""`requests.accepted` comes last: whoever misses a row reads `request.json`, and missing never means skip."""

import pytest

from shared.topics import (
    IMAGES_PROCESSED,
    IMAGES_REQUESTED_BULK,
    REQUESTS_ACCEPTED,
    REQUESTS_COMPLETED,
    REQUESTS_PROGRESS,
)
from tests.faults.processor import results_of
from tests.faults.standing import completions, standing
from tests.faults.world import World
from tests.unit.ingest.fakes import images_of

pytestmark = pytest.mark.stack

IMAGES = 9


@pytest.mark.checklist("A1")
async def test_the_whole_life_of_a_request_before_its_acceptance(world: World) -> None:
    usual = await world.submit(images_of(IMAGES))
    await world.settle()
    asked = world.sizes()[IMAGES_REQUESTED_BULK.name]

    request = await world.submit(images_of(IMAGES))
    await world.facts.publish(IMAGES_PROCESSED, *results_of(request))
    await world.settle("stream", "assembler", "publisher", "completed")
    assert len(completions(world, request.request_id)) == 1
    world.readers["planner"].reads_last(REQUESTS_ACCEPTED)
    await world.settle()
    assert world.sizes()[IMAGES_REQUESTED_BULK.name] - asked <= IMAGES
    found, expected = await standing(world, request.request_id), await standing(world, usual.request_id)
    assert found == expected | {"released": found["released"]}
    assert len(completions(world, request.request_id)) == 1


async def test_an_acceptance_after_the_completion_releases_nothing(world: World) -> None:
    request = await world.submit(images_of(IMAGES))
    await world.facts.publish(IMAGES_PROCESSED, *results_of(request))
    await world.settle("stream", "assembler", "publisher", "completed")
    await world.facts.publish(REQUESTS_ACCEPTED, request.accepted())
    planner = world.readers["planner"]
    planner.reads_last(REQUESTS_PROGRESS)
    planner.reads_last(REQUESTS_ACCEPTED)
    await world.settle()
    assert world.sizes()[IMAGES_REQUESTED_BULK.name] == 0
    assert len(completions(world, request.request_id)) == 1


async def test_a_cancel_before_the_acceptance_ends_the_request_with_nothing_attempted(world: World) -> None:
    request = await world.submit(images_of(IMAGES))
    await world.cancel(request)
    await world.settle("assembler", "publisher", "completed")
    world.readers["planner"].reads_last(REQUESTS_ACCEPTED)
    await world.settle()
    (completion,) = completions(world, request.request_id)
    assert (completion.state, completion.images.not_attempted) == ("cancelled", IMAGES)
    assert world.sizes()[IMAGES_REQUESTED_BULK.name] == 0


async def test_results_of_a_chunk_before_its_release_are_all_that_is_needed(world: World) -> None:
    """What the planner releases late is answered again, and changes nothing."""
    request = await world.submit(images_of(IMAGES))
    await world.facts.publish(IMAGES_PROCESSED, *results_of(request))
    await world.settle("stream", "planner", "assembler")
    before = await standing(world, request.request_id)
    await world.settle()
    after = await standing(world, request.request_id)
    assert [after[part] for part in ("results", "chunks", "csvs")] == [
        before[part] for part in ("results", "chunks", "csvs")
    ]
    assert len(completions(world, request.request_id)) == 1
    assert world.sizes()[REQUESTS_COMPLETED.name] == 1
