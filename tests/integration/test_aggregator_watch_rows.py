"""What the watchdog asks Postgres: right answers, and through indexes however many rows there are."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from services.aggregator.adapters.postgres_lease import PostgresLease
from services.aggregator.adapters.postgres_requests import PostgresRequests
from services.aggregator.adapters.postgres_results import PostgresResults
from services.aggregator.adapters.postgres_watch import CHUNKS_SEEN, PostgresWatch
from services.aggregator.adapters.s3_requests import S3Requests
from services.aggregator.domain.open_request import OpenChunk, OpenRequest
from services.aggregator.on_image_processed import ChunkId
from shared.ids import RequestId
from shared.kafka.records import Received, Trigger
from shared.postgres import load_queries
from tests.integration.aggregator_place import BUCKETS, Place, Request, place_on
from tests.stack import StackForTests

pytestmark = pytest.mark.stack

MINUTE = timedelta(minutes=1)
_OVERDUE = "UPDATE aggregator.requests SET deadline_at = $2 WHERE request_id = $1"
_CLAIMED = "UPDATE aggregator.requests SET end_trigger = 'here', ended_at = $2 WHERE request_id = $1"
_PUBLISHED = "UPDATE aggregator.requests SET published_at = now() WHERE request_id = $1"
_SQL = load_queries("services.aggregator.adapters.sql")


@pytest_asyncio.fixture
async def place(stack: StackForTests) -> AsyncIterator[Place]:
    """No process of ours runs."""
    async with place_on(stack) as found:
        yield found


async def known(place: Place, images: int = 12, *, chunk_size: int = 5) -> Request:
    request = await place.submit(images, chunk_size=chunk_size, accepted=False)
    await PostgresRequests(place.database).insert(request.file)
    return request


async def bring(place: Place, request: Request, indexes: Sequence[int]) -> None:
    results = [Received(request.result(index), Trigger("elsewhere", 0, index)) for index in indexes]
    await PostgresResults(place.database).record(results)


async def record(place: Place, request: Request, chunk: int) -> None:
    row = await PostgresRequests(place.database).find(request.request_id)
    assert row is not None
    images = await S3Requests(place.store, BUCKETS[0]).manifest(request.request_id, chunk)
    await PostgresResults(place.database).record_chunk(row, chunk, images)


async def seen(place: Place, request: Request) -> OpenRequest | None:
    pages = await PostgresWatch(place.database).page(None, limit=10_000)
    return next((each for each in pages if each.request_id == request.request_id), None)


async def test_an_open_request_shows_how_its_chunks_stand(place: Place) -> None:
    request = await known(place)
    await bring(place, request, (0, 1, 2, 3, 4, 7))
    found = await seen(place, request)
    assert found is not None
    assert (found.recorded, found.window, found.chunks_total, found.images_total) == (0, 4, 3, 12)
    assert tuple(found.open_chunks) == (OpenChunk(0, 5), OpenChunk(1, 1), OpenChunk(2, 0))


async def test_recorded_chunks_are_counted_and_not_looked_into(place: Place) -> None:
    request = await known(place)
    await bring(place, request, range(5))
    await record(place, request, 0)
    found = await seen(place, request)
    assert found is not None
    assert (found.recorded, tuple(found.open_chunks)) == (1, (OpenChunk(1, 0), OpenChunk(2, 0)))


async def test_of_a_large_request_the_first_open_chunks_are_seen(place: Place) -> None:
    request = await known(place, 400, chunk_size=4)
    found = await seen(place, request)
    assert found is not None
    assert [chunk.number for chunk in found.open_chunks] == list(range(CHUNKS_SEEN))


async def test_a_request_that_ingest_forgot_has_no_window(place: Place) -> None:
    request = await known(place, 0)
    await place.execute("DELETE FROM ingest.requests WHERE request_id = $1", request.request_id)
    found = await seen(place, request)
    assert found is not None
    assert (found.window, found.is_all_recorded, tuple(found.open_chunks)) == (None, True, ())


async def test_pages_follow_one_another(place: Place) -> None:
    requests = [await known(place, 4) for _ in range(5)]
    watch, after, found = PostgresWatch(place.database), None, list[RequestId]()
    while page := await watch.page(after, limit=2):
        found += [each.request_id for each in page]
        after = found[-1]
    assert {request.request_id for request in requests} <= set(found)
    assert len(found) == len(set(found))


async def test_missing_images_are_those_without_a_result(place: Place) -> None:
    request, watch = await known(place), PostgresWatch(place.database)
    chunk = ChunkId(request.request_id, 1)
    await bring(place, request, (0, 7))
    assert (await watch.missing(chunk)).indexes == [5, 6, 8, 9]
    assert (await watch.missing(ChunkId(request.request_id, 2))).indexes == [10, 11]
    await watch.count_republished(chunk)
    await watch.count_republished(chunk)
    assert (await watch.missing(chunk)).times_republished == 2
    await watch.forget_ended()
    assert (await watch.missing(chunk)).times_republished == 2
    await place.execute(_CLAIMED, request.request_id, datetime.now(UTC))
    assert (await watch.missing(chunk)).indexes == []
    await watch.forget_ended()
    left = "SELECT count(*) FROM aggregator.republished_chunks WHERE request_id = $1"
    assert await place.value(left, request.request_id) == 0


async def test_a_complete_chunk_is_unheeded_until_it_is_recorded_and_the_end_is_reached(place: Place) -> None:
    request, watch = await known(place, 10), PostgresWatch(place.database)
    first, last = (ChunkId(request.request_id, chunk) for chunk in range(2))
    await bring(place, request, range(10))
    assert await watch.is_unheeded(first)
    await record(place, request, 0)
    assert not await watch.is_unheeded(first)
    assert await watch.is_unheeded(last)
    await record(place, request, 1)
    assert await watch.is_unheeded(last)
    await place.execute(_CLAIMED, request.request_id, datetime.now(UTC))
    assert not await watch.is_unheeded(last)


async def test_overdue_requests_come_by_deadline(place: Place) -> None:
    now, watch = datetime.now(UTC), PostgresWatch(place.database)
    late, later, ended, running = [await known(place, 4) for _ in range(4)]
    for request, deadline in ((late, now - 2 * MINUTE), (later, now - MINUTE), (ended, now - MINUTE)):
        await place.execute(_OVERDUE, request.request_id, deadline)
    await place.execute(_CLAIMED, ended.request_id, now)
    mine = {each.request_id for each in (late, later, ended, running)}
    found = [each for each in await watch.overdue(now, after=None, limit=1000) if each.request_id in mine]
    assert [each.request_id for each in found] == [late.request_id, later.request_id]
    rest = await watch.overdue(now, after=found[0], limit=1000)
    assert [each.request_id for each in rest if each.request_id in mine] == [later.request_id]


async def test_unheard_requests_are_those_that_only_ingest_knows(place: Place) -> None:
    watch = PostgresWatch(place.database)
    unheard = await place.submit(4, accepted=False)
    heard = await known(place, 4)
    mine = {unheard.request_id, heard.request_id}
    moment = unheard.file.accepted_at
    found = await watch.unheard(accepted_before=moment + MINUTE, after=None, limit=1000)
    assert [file for file in found if file.request_id in mine] == [unheard.file]
    assert unheard.file not in await watch.unheard(accepted_before=moment - MINUTE, after=None, limit=1000)
    assert unheard.file not in await watch.unheard(accepted_before=moment + MINUTE, after=unheard.file, limit=1000)


async def test_stuck_requests_have_an_end_and_no_completion(place: Place) -> None:
    now, watch = datetime.now(UTC), PostgresWatch(place.database)
    stuck, published = await known(place, 4), await known(place, 4)
    for request in (stuck, published):
        await place.execute(_CLAIMED, request.request_id, now - MINUTE)
    await place.execute(_PUBLISHED, published.request_id)
    found = await watch.stuck(ended_before=now, limit=1000)
    assert stuck.request_id in found
    assert published.request_id not in found
    assert stuck.request_id not in await watch.stuck(ended_before=now - 2 * MINUTE, limit=1000)


async def test_a_lease_is_held_by_one_until_it_expires(place: Place) -> None:
    name = place.connection.group("aggregator", "watchdog")
    first, second = (PostgresLease(place.database, name=name, holder=holder) for holder in ("first", "second"))
    assert await first.hold(MINUTE)
    assert not await second.hold(MINUTE)
    assert await first.hold(timedelta(0))
    assert await second.hold(MINUTE)
    assert not await first.hold(MINUTE)
    await first.release()
    assert not await first.hold(MINUTE)
    await second.release()
    assert await first.hold(MINUTE)


_QUERIES: dict[str, tuple[object, ...]] = {
    "open_requests_page": (UUID(int=0), 200, CHUNKS_SEEN),
    "overdue_requests": (datetime(2026, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0), 200),
    "unheard_requests": (datetime(2026, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), "", 200),
    "stuck_requests": (datetime(2026, 1, 1, tzinfo=UTC), 1000),
    "missing_results": (UUID(int=7), 3),
    "is_unheeded": (UUID(int=7), 3),
}


@pytest.mark.parametrize("query", _QUERIES)
async def test_no_look_reads_a_whole_table(place: Place, query: str) -> None:
    async with place.database.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(_FILLED)
            plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {_SQL[query]}", *_QUERIES[query])
        finally:
            await transaction.rollback()
    assert not [node for node in _nodes(plan[0]["Plan"]) if node["Node Type"] == "Seq Scan"]


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for part in plan.get("Plans", ()) for node in _nodes(part))]


# 20,000 requests of which every tenth runs, one of them with 20,000 results.
_FILLED = """
INSERT INTO aggregator.requests (request_id, owner, rows_total, images_total, chunks_total, chunk_size, metadata,
    submitted_at, deadline_at, end_trigger, ended_at, published_at)
SELECT lpad(to_hex(number), 32, '0')::uuid, 'local', 1, 25000, 100, 250, '{}', now(), now() + interval '1 day',
    ended, CASE WHEN ended IS NULL THEN NULL ELSE now() END, CASE WHEN ended IS NULL THEN NULL ELSE now() END
FROM generate_series(1, 20000) AS number, LATERAL (SELECT CASE WHEN number % 10 = 0 THEN NULL ELSE 'x' END AS ended) e;
INSERT INTO ingest.requests (request_id, owner, request, accepted_at, ended_at)
SELECT request_id::text, owner, '{"window": 16}', submitted_at, ended_at FROM aggregator.requests
ON CONFLICT DO NOTHING;
INSERT INTO aggregator.recorded_chunks (request_id, chunk, succeeded, failed, bytes_in, bytes_out)
SELECT request_id, chunk, 250, 0, 1, 1 FROM aggregator.requests, generate_series(0, 4) AS chunk
ON CONFLICT DO NOTHING;
INSERT INTO aggregator.results (request_id, index, outcome, renditions, bytes_in, bytes_out, attempts, duration_ms)
SELECT lpad(to_hex(10), 32, '0')::uuid, index, 'succeeded', '[]', 1, 1, 1, 1 FROM generate_series(0, 19999) AS index;
ANALYZE aggregator.requests; ANALYZE ingest.requests; ANALYZE aggregator.recorded_chunks; ANALYZE aggregator.results
"""
