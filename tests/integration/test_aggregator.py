"""The aggregator's processes on a real Kafka, Postgres and S3: from results to one completion."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.events import ChunkAdvanced, ChunkCompleted
from shared.topics import REQUESTS_COMPLETED, REQUESTS_PROGRESS
from tests.integration.aggregator_place import Place, Request, place_on
from tests.stack import StackForTests
from tests.waiting import until

pytestmark = pytest.mark.stack


@pytest_asyncio.fixture
async def place(stack: StackForTests) -> AsyncIterator[Place]:
    async with place_on(stack) as found:
        yield found


@pytest.mark.checklist("A2", "A3")
async def test_results_become_rows_csvs_and_one_completion(place: Place) -> None:
    await place.start("finisher", "api")
    request = await place.submit(25)
    pending = await place.status(request)
    assert (pending["state"], pending["progress"]["percent"]) == ("pending", 0.0)
    assert (await place.get(f"/v1/requests/{request.request_id}/output.csv")).headers["Retry-After"]
    await place.start("stream")

    await place.process(request.results())
    status = await place.until_state(request, "completed")
    completion = await place.until_published(request)

    assert status["progress"]["percent"] == 100.0
    assert (status["progress"]["succeeded"], status["progress"]["failed"]) == (22, 3)
    assert status["failures"] == {"by_code": {"http_404": 3}, "by_host": {"shop.example": 3}}
    assert completion.state == "completed"
    assert completion.images.succeeded == 22
    assert completion.metadata == {"order": "Ø 17"}
    assert completion.bytes.saved_percent == 75.0
    output = await place.get(f"/v1/requests/{request.request_id}/output.csv")
    rows = list(csv.DictReader(io.StringIO(output.text)))
    assert len(rows) == 13
    assert rows[1]["Image Statuses"] == "succeeded,http_404"
    assert rows[1]["Output Image URLs"].split(",")[1] == "http://shop.example/3%2Cx.jpg"
    failures = await place.get(f"/v1/requests/{request.request_id}/failures.csv")
    assert [row["Serial Number"] for row in csv.DictReader(io.StringIO(failures.text))] == ["2", "7", "12"]
    assert await place.value(
        "SELECT started_at IS NOT NULL FROM aggregator.requests WHERE request_id = $1", request.request_id
    )
    page = (await place.get(f"/v1/requests/{request.request_id}/images?outcome=failed&limit=2")).json()
    assert [(item["index"], item["row"], item["error"]["code"]) for item in page["items"]] == [
        (3, 2, "http_404"),
        (13, 7, "http_404"),
    ]
    rest = (await place.get(f"/v1/requests/{request.request_id}/images?outcome=failed&cursor=13")).json()
    assert [item["index"] for item in rest["items"]] == [23]


@pytest.mark.checklist("A1")
async def test_a_killed_stream_leaves_no_gap_and_counts_nothing_twice(place: Place) -> None:
    first, _ = await asyncio.gather(place.start("stream"), place.start("finisher", "api"))
    request = await place.submit(600, chunk_size=50)
    results = request.results()
    await place.process(results[:300])
    await until(lambda: _rows(place, request), seconds=30, what="some results are recorded")
    await first.kill()
    await place.process(results[300:])
    await place.start("stream")

    completion = await place.until_published(request)
    assert (completion.images.succeeded, completion.images.failed) == (540, 60)
    said = [received.event for received in await place.read(REQUESTS_PROGRESS)]
    for fact in (ChunkAdvanced, ChunkCompleted):
        assert {event.chunk for event in said if isinstance(event, fact)} == set(range(12))


async def test_a_table_without_its_changelog_is_seeded_from_rows(place: Place) -> None:
    stream, _ = await asyncio.gather(place.start("stream"), place.start("finisher", "api"))
    request = await place.submit(20)
    results = request.results()
    await place.process([*results[:9], *results[10:19]])
    await until(lambda: _has_rows(place, request, 18), seconds=30, what="results are recorded")
    assert await stream.stop() == 0
    await place.forget_changelog()
    await place.start("stream")

    await place.process([results[9], results[19]])
    completion = await place.until_published(request)
    assert completion.images.total == 20
    said = [received.event for received in await place.read(REQUESTS_PROGRESS)]
    assert len([event for event in said if isinstance(event, ChunkAdvanced)]) == 2
    assert len([event for event in said if isinstance(event, ChunkCompleted)]) == 2


@pytest.mark.checklist("A1")
async def test_two_streams_share_a_request_and_the_rest_takes_over(place: Place) -> None:
    first, *_ = await asyncio.gather(place.start("stream"), place.start("stream"), place.start("finisher", "api"))
    request = await place.submit(300)
    await place.process(request.results()[:150])
    await until(lambda: _rows(place, request), seconds=30, what="some results are recorded")
    assert await first.stop() == 0
    await place.process(request.results()[150:])
    completion = await place.until_published(request)
    assert completion.images.total == 300


async def test_no_result_is_lost_while_streams_come_and_go(place: Place) -> None:
    await place.start("finisher", "api")
    request = await place.submit(1600, chunk_size=40)
    parts = [request.results()[start : start + 200] for start in range(0, 1600, 200)]
    first = await place.start("stream")
    await place.process(parts[0])
    second, _ = await asyncio.gather(place.start("stream"), place.process_slowly(parts[1] + parts[2]))
    _, third = await asyncio.gather(place.process_slowly(parts[3]), place.start("stream"))
    await asyncio.gather(place.process_slowly(parts[4]), first.stop())
    await asyncio.gather(place.process_slowly(parts[5]), second.kill())
    await asyncio.gather(place.process_slowly(parts[6]), place.start("stream"), third.stop())
    await place.process(parts[7])

    completion = await place.until_published(request)
    assert (completion.images.succeeded, completion.images.failed) == (1440, 160)
    said = [received.event for received in await place.read(REQUESTS_PROGRESS)]
    for fact in (ChunkAdvanced, ChunkCompleted):
        assert {event.chunk for event in said if isinstance(event, fact)} == set(range(40))


@pytest.mark.checklist("A1")
async def test_a_killed_finisher_publishes_each_completion_once(place: Place) -> None:
    _, _, finisher = await asyncio.gather(place.start("stream"), place.start("api"), place.start("finisher"))
    requests = [await place.submit(4) for _ in range(12)]
    for request in requests[:6]:
        await place.process(request.results())
    await until(lambda: _has_marks(place), seconds=30, what="a completion is marked")
    await finisher.kill()
    for request in requests[6:]:
        await place.process(request.results())
    await place.start("finisher")
    for request in requests:
        await place.until_published(request)
    seen = [received.event.request_id for received in await place.read(REQUESTS_COMPLETED)]
    assert sorted(seen) == sorted(request.request_id for request in requests)


@pytest.mark.parametrize("roles", [("stream",), ("finisher", "api")])
async def test_without_kafka_a_process_waits_and_can_be_stopped(place: Place, roles: tuple[str, ...]) -> None:
    worker = await place.spawn(*roles, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    readiness = await until(worker.readiness, seconds=30, what="the process answers")
    assert isinstance(readiness, dict)
    assert not readiness["ready"]
    assert readiness["parts"]["postgres"] == "ok"
    assert await worker.stop() == 0


async def _rows(place: Place, request: Request) -> object:
    return await place.value("SELECT count(*) FROM aggregator.results WHERE request_id = $1", request.request_id)


async def _has_rows(place: Place, request: Request, count: int) -> bool:
    return await _rows(place, request) == count


async def _has_marks(place: Place) -> object:
    sql = "SELECT count(*) FROM aggregator.requests WHERE starts_with(completed_trigger, $1)"
    return await place.value(sql, place.settings.kafka_topic_prefix)
