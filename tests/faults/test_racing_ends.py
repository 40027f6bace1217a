"""Cancel, deadline and the last chunk in every order: the first in `requests.progress` is the end, and the only one."""

from itertools import permutations

import pytest

from shared.events import RequestAssembled
from shared.topics import IMAGES_PROCESSED, REQUESTS_ASSEMBLED, REQUESTS_PROGRESS
from tests.faults.processor import results_of
from tests.faults.standing import completions, standing
from tests.faults.world import World
from tests.unit.ingest.fakes import images_of

pytestmark = pytest.mark.stack

IMAGES = 9
ENDS = ("completed", "cancelled", "expired")


@pytest.mark.parametrize("twice", [False, True], ids=["once", "each twice"])
@pytest.mark.parametrize("order", list(permutations(ENDS)), ids=" ".join)
async def test_the_first_end_in_the_topic_is_the_end(world: World, order: tuple[str, ...], twice: bool) -> None:
    request = await world.submit(images_of(IMAGES))
    *most, last = results_of(request)
    await world.facts.publish(IMAGES_PROCESSED, *most)
    await world.settle("stream", "requests")
    world.facts.twice = frozenset({REQUESTS_PROGRESS} if twice else ())
    for end in order:
        if end == "completed":
            await world.facts.publish(IMAGES_PROCESSED, last)
            await world.settle("stream")
        elif end == "cancelled":
            await world.cancel(request)
        else:
            await world.pass_deadline(request)
    await world.settle()
    (completion,) = completions(world, request.request_id)
    assert completion.state == order[0]
    assert (completion.images.total, completion.images.not_attempted) == (IMAGES, 0)
    assert [event.state for event in world.events(REQUESTS_ASSEMBLED) if isinstance(event, RequestAssembled)] == [
        order[0]
    ]


@pytest.mark.parametrize("end", ["cancelled", "expired"])
async def test_an_end_before_the_last_result_keeps_the_others_out(world: World, end: str) -> None:
    request = await world.submit(images_of(IMAGES))
    results = results_of(request)
    await world.facts.publish(IMAGES_PROCESSED, *results[:5])
    await world.settle("stream")
    await (world.cancel(request) if end == "cancelled" else world.pass_deadline(request))
    await world.settle("assembler")
    before = await standing(world, request.request_id)
    await world.facts.publish(IMAGES_PROCESSED, *results)
    await world.settle()
    after = await standing(world, request.request_id)
    assert (before["results"], before["csvs"]) == (after["results"], after["csvs"])
    (completion,) = completions(world, request.request_id)
    assert (completion.state, completion.images.not_attempted) == (end, IMAGES - 5)
