"""Events that can be read and make no sense stop no reader: what comes behind them is handled."""

from collections.abc import Callable

import pytest

from shared.events import ChunkAdvanced, ChunkCompleted, Event, RequestAssembled
from shared.ids import RequestId
from shared.request_files import RequestFile
from shared.topics import IMAGES_PROCESSED, REQUESTS_ASSEMBLED, REQUESTS_PROGRESS, Topic
from tests.faults.processor import results_of
from tests.faults.standing import completions
from tests.faults.world import World
from tests.unit.ingest.fakes import images_of

pytestmark = pytest.mark.stack

STRANGER = RequestId("00000000-0000-4000-8000-000000000000")
FAR = 10**6


def results(request: RequestFile) -> list[tuple[Topic, Event]]:
    result = results_of(request)[0]
    return [
        (IMAGES_PROCESSED, result.model_copy(update=changes))
        for changes in (
            {"request_id": STRANGER},
            {"chunk": FAR},
            {"indexes": (0, 0, 0)},
            {"indexes": (5, FAR)},
            {"chunk_images": FAR},
        )
    ]


def progress(request: RequestFile) -> list[tuple[Topic, Event]]:
    return [
        (REQUESTS_PROGRESS, fact(request_id=request_id, owner=request.owner, chunk=chunk, chunks_total=FAR, window=1))
        for fact in (ChunkAdvanced, ChunkCompleted)
        for request_id, chunk in ((STRANGER, 0), (request.request_id, FAR))
    ]


def ends(request: RequestFile) -> list[tuple[Topic, Event]]:
    fields = {"owner": request.owner, "state": "completed", "output_key": "k", "failures_key": None}
    return [(REQUESTS_ASSEMBLED, RequestAssembled.model_validate({"request_id": STRANGER, **fields}))]


@pytest.mark.parametrize("poison", [results, progress, ends])
async def test_an_event_that_makes_no_sense_stops_no_reader(
    world: World, poison: Callable[[RequestFile], list[tuple[Topic, Event]]]
) -> None:
    request = await world.submit(images_of(5))
    for topic, event in poison(request):
        await world.facts.publish(topic, event)
        await world.settle("stream", "planner", "assembler", "publisher")
    await world.settle()
    (completion,) = completions(world, request.request_id)
    assert (completion.images.total, completion.images.not_attempted) == (5, 0)
