"""The stream and the finisher, running, on a real Kafka, Postgres and S3: requests that end otherwise than planned."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from shared.events import CancelRequested, ChunkAdvanced, ChunkCompleted, RequestCompleted
from shared.ids import LOCAL_OWNER
from shared.topics import REQUESTS_ACCEPTED, REQUESTS_ASSEMBLED, REQUESTS_COMPLETED, REQUESTS_PROGRESS
from tests.integration.aggregator_place import Place, Request, place_on
from tests.stack import StackForTests
from tests.waiting import until

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(stack: StackForTests) -> AsyncIterator[Place]:
    """All processes run; who kills or stops one has a place of its own, in `test_aggregator.py`."""
    async with place_on(stack) as found:
        await asyncio.gather(found.start("stream"), found.start("finisher", "api"))
        yield found


async def test_duplicates_of_every_event_change_nothing(place: Place) -> None:
    request = await place.submit(20)
    await place.process([*request.results()[:15], *request.results()])
    await place.until_published(request)
    said_of_all = [
        received.event for topic in (REQUESTS_PROGRESS, REQUESTS_ASSEMBLED) for received in await place.read(topic)
    ]
    later = [event for event in said_of_all if event.request_id == request.request_id]
    said = [event for event in later if isinstance(event, ChunkAdvanced | ChunkCompleted)]
    assert len(said) == 4

    await place.process(request.results())
    await place.publish(REQUESTS_ACCEPTED, [request.file.accepted()])
    await place.publish(REQUESTS_PROGRESS, said)
    await place.publish(REQUESTS_ASSEMBLED, [event for event in later if event not in said])
    second = await place.submit(5)
    await place.process(second.results())
    await place.until_published(second)

    completions = [received.event.request_id for received in await place.read(REQUESTS_COMPLETED)]
    assert [completions.count(each.request_id) for each in (request, second)] == [1, 1]
    assert await place.value("SELECT count(*) FROM aggregator.results WHERE request_id = $1", request.request_id) == 20


async def test_a_cancelled_request_ends_with_what_it_has(place: Place) -> None:
    request = await place.submit(20)
    await place.process(request.results()[:10])
    await place.publish(
        REQUESTS_PROGRESS, [CancelRequested(request_id=request.request_id, owner=LOCAL_OWNER, reason="by its owner")]
    )
    await place.until_published(request)
    await place.process(request.results())

    second = await place.submit(5)
    await place.process(second.results())
    await place.until_published(second)
    found = [received.event for received in await place.read(REQUESTS_COMPLETED)]
    (completion,) = [event for event in found if event.request_id == request.request_id]
    assert isinstance(completion, RequestCompleted)
    assert completion.state == "cancelled"
    images = completion.images
    assert images.total == images.succeeded + images.failed + images.not_attempted == 20
    assert (await place.status(request))["progress"]["not_attempted"] == images.not_attempted


async def test_a_request_without_a_row_or_a_request_file_holds_nobody_up(place: Place) -> None:
    unannounced = await place.submit(3, accepted=False)
    deleted = await place.submit(3, accepted=False)
    await place.delete(deleted)
    await place.process([*deleted.results(), *unannounced.results()])
    assert (await place.until_published(unannounced)).images.total == 3
    assert (await place.get(f"/v1/requests/{deleted.request_id}")).status_code == 404


async def test_a_deleted_request_is_gone_and_its_late_results_bring_nothing_back(place: Place) -> None:
    kept, request = await place.submit(5), await place.submit(20)
    await place.process([*kept.results(), *request.results()])
    await asyncio.gather(place.until_published(kept), place.until_published(request))
    page = (await place.get(f"/v1/requests/{request.request_id}/images?limit=1")).json()
    (rendition,) = page["items"][0]["renditions"]
    assert await _list(place, request, kept) == [request.request_id, kept.request_id]

    await place.delete(request)
    paths = ("", "/images", "/output.csv", "/failures.csv")

    async def is_gone() -> bool:
        own = f"/v1/requests/{request.request_id}"
        return [(await place.get(own + path)).status_code for path in paths] == [404] * len(paths)

    await until(is_gone, seconds=30, what="the request is gone")
    picture = urlsplit(rendition["url"])
    assert (await place.get(f"{picture.path}?{picture.query}")).status_code == 410
    await place.process(request.results())
    last = await place.submit(5)
    await place.process(last.results())
    await place.until_published(last)
    assert await is_gone()
    assert not await _rows(place, request)
    assert await _list(place, request, kept, last) == [last.request_id, kept.request_id]


async def _list(place: Place, *among: Request) -> list[str]:
    """Those of some requests that are listed, in the order of the list."""
    wanted = {request.request_id for request in among}
    items = (await place.get("/v1/requests?limit=500")).json()["items"]
    return [item["request_id"] for item in items if item["request_id"] in wanted]


async def _rows(place: Place, request: Request) -> object:
    return await place.value("SELECT count(*) FROM aggregator.results WHERE request_id = $1", request.request_id)
