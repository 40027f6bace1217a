"""What Postgres keeps of requests: images beside results, lists, counts, deletion."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from services.aggregator.adapters.postgres_deletion import PostgresDeletion
from services.aggregator.adapters.postgres_images import PostgresImages
from services.aggregator.adapters.postgres_listed_requests import PostgresListedRequests
from services.aggregator.adapters.postgres_requests import PostgresRequests
from services.aggregator.adapters.postgres_results import PostgresResults
from services.aggregator.adapters.postgres_standings import PostgresStandings
from services.aggregator.adapters.s3_requests import S3Requests
from services.aggregator.domain.completion import Tally
from services.aggregator.domain.progress import ChunkShape
from services.aggregator.domain.request_list import ListQuery
from services.aggregator.domain.status import VisibleState
from services.aggregator.known_requests import RequestRow, place_of, row_of
from services.aggregator.on_image_processed import ChunkId
from services.aggregator.request_end import WrittenCsvs
from services.aggregator.request_images import RequestImages
from shared.events import EndState
from shared.ids import Owner
from shared.kafka.records import Received, Trigger
from shared.postgres import Connection, Database
from tests.integration.aggregator_place import BUCKETS, Place, Request, place_on
from tests.stack import StackForTests
from tests.waiting import until

pytestmark = pytest.mark.stack

TABLES = ("requests", "results", "images", "recorded_chunks")
_WAITING = """SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%aggregator.recorded_chunks%'"""
TRIGGER = Trigger("requests.progress.v1", 0, 0)


@pytest_asyncio.fixture
async def place(stack: StackForTests) -> AsyncIterator[Place]:
    async with place_on(stack) as found:
        yield found


async def recorded(place: Place, images: int, *, results: int, chunks: Sequence[int] = ()) -> RequestRow:
    """A request with its row, some results and some recorded chunks; every tenth image fails."""
    request = await place.submit(images, accepted=False)
    await PostgresRequests(place.database).insert(request.file)
    events = request.results()[:results]
    rows = PostgresResults(place.database)
    if events:
        await rows.record([Received(event, Trigger("images.processed.v1", 0, n)) for n, event in enumerate(events)])
    row = row_of(request.file)
    files = S3Requests(place.store, BUCKETS[0])
    for chunk in chunks:
        await rows.record_chunk(row, chunk, await files.manifest(row.request_id, chunk))
    return row


async def count(place: Place, table: str, row: RequestRow) -> int:
    found: int = await place.value(f"SELECT count(*) FROM aggregator.{table} WHERE request_id = $1", row.request_id)
    return found


async def page(place: Place, row: RequestRow, **wanted: Any) -> list[dict[str, Any]]:
    given = {"after": -1, "outcome": None, "code": None, "limit": 100, **wanted}
    return [dict(found) for found in await PostgresImages(place.database).page(row.request_id, **given)]


async def test_a_chunk_brings_its_images_once_and_the_end_brings_the_rest(place: Place) -> None:
    row = await recorded(place, 25, results=25, chunks=(0, 0, 2))
    assert await count(place, "images", row) == 15
    images = PostgresImages(place.database)
    assert list(await images.missing_chunks(row)) == [1]
    filling = RequestImages(S3Requests(place.store, BUCKETS[0]), images)
    await filling.fill(row)
    await filling.fill(row)
    assert await count(place, "images", row) == 25
    found = await page(place, row, after=10, limit=1)
    assert [(one["index"], one["row"], one["line"], one["slot"]) for one in found] == [(11, 6, 7, 1)]
    assert (found[0]["serial_number"], found[0]["product_name"]) == ("6", "Product 6")
    assert found[0]["source_url"] == "http://shop.example/11,x.jpg"


async def test_a_chunk_recorded_twice_at_once_counts_once_for_both(place: Place) -> None:
    row = await recorded(place, 25, results=25, chunks=(0, 2))
    images = await S3Requests(place.store, BUCKETS[0]).manifest(row.request_id, 1)
    async with place.database.transaction() as held:
        first = await PostgresResults(OneConnection(place, held)).record_chunk(row, 1, images)
        second = asyncio.create_task(PostgresResults(place.database).record_chunk(row, 1, images))
        await until(lambda: place.value(_WAITING), what="the second waits for the first")
        assert not second.done()
    assert (first, await second) == (3, 3)
    assert [await count(place, table, row) for table in ("images", "recorded_chunks")] == [25, 3]


class OneConnection(Database):
    """Lends the same connection always, so that its transaction goes on."""

    def __init__(self, place: Place, connection: Connection) -> None:
        super().__init__(place.settings)
        self._connection = connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        yield self._connection


async def test_an_image_without_its_chunk_has_a_result_and_nothing_of_the_manifest(place: Place) -> None:
    row = await recorded(place, 20, results=15, chunks=(0,))
    found = await page(place, row)
    assert [one["index"] for one in found] == list(range(15))
    assert [one["row"] is None for one in found] == [False] * 10 + [True] * 5


async def test_images_are_filtered_by_outcome_and_code(place: Place) -> None:
    row = await recorded(place, 40, results=30, chunks=(0,))
    await PostgresResults(place.database).fill_missing(row, code="cancelled", message="No turn.")

    async def indexes(**wanted: Any) -> list[int]:
        return [found["index"] for found in await page(place, row, **wanted)]

    assert await indexes(outcome="failed") == [3, 13, 23]
    assert await indexes(outcome="failed", after=3, limit=1) == [13]
    assert await indexes(code="http_404") == [3, 13, 23]
    assert await indexes(code="http_404", outcome="not_attempted") == []
    assert await indexes(outcome="not_attempted") == await indexes(code="cancelled") == list(range(30, 40))
    assert len(await indexes(outcome="succeeded")) == 27


async def test_standings_count_recorded_chunks_and_those_in_flight(place: Place) -> None:
    row = await recorded(place, 40, results=35, chunks=(0, 1))
    idle = await recorded(place, 10, results=0)
    found = await PostgresStandings(place.database).standings([row.request_id, idle.request_id])
    standing = found[row.request_id]
    assert (standing.tally.succeeded, standing.tally.failed) == (31, 4)
    assert (standing.tally.bytes_in, standing.tally.bytes_out) == (31_000, 7_750)
    assert standing.tally.failures_by_code == {"http_404": 4}
    assert standing.failures_by_host == {"shop.example": 2}
    assert found[idle.request_id].tally == Tally()


async def test_a_deletion_twice_takes_all_rows_of_its_request_and_nothing_comes_back(place: Place) -> None:
    row = await recorded(place, 25, results=25, chunks=(0, 1, 2))
    other = await recorded(place, 5, results=5, chunks=(0,))
    deletion = PostgresDeletion(place.database, rows_at_once=10)
    await deletion.delete(row.request_id)
    await deletion.delete(row.request_id)
    results, file = PostgresResults(place.database), await S3Requests(place.store, BUCKETS[0]).read(row.request_id)
    assert file is not None
    await results.record([Received(event, TRIGGER) for event in Request(file, []).results()])
    await results.record_chunk(row, 0, await S3Requests(place.store, BUCKETS[0]).manifest(row.request_id, 0))
    assert [await count(place, table, row) for table in TABLES] == [0, 0, 0, 0]
    assert [await count(place, table, other) for table in TABLES] == [1, 5, 5, 1]
    chunk = ChunkId(row.request_id, 0)
    assert (await results.chunks({chunk: ChunkShape(0, 10)}))[chunk].is_closed


async def test_lists_have_what_is_known_and_what_was_only_accepted(place: Place) -> None:
    owner = Owner(f"owner {place.settings.kafka_topic_prefix}")
    rows = await _requests_of(place, owner)
    listed = PostgresListedRequests(place.database)

    async def ids(**wanted: Any) -> list[str]:
        return [row.request_id for row in await listed.listed(ListQuery(owner=owner, **{"limit": 10, **wanted}))]

    in_order = [row.request_id for row in rows]
    assert await ids() == in_order
    assert await ids(limit=2) == in_order[:2]
    assert await ids(limit=2, after=place_of(rows[1])) == in_order[2:4]
    assert await ids(since=rows[2].submitted_at) == in_order[:3]
    states: dict[VisibleState, list[str]] = {
        "pending": [in_order[0], in_order[4]],
        "processing": [in_order[1]],
        "completed": [in_order[2]],
        "failed": [in_order[3]],
        "expired": [],
    }
    for state, expected in states.items():
        assert await ids(state=state) == expected
    assert await ids(state="pending", limit=1, after=place_of(rows[0])) == [in_order[4]]
    unknown = await listed.find(rows[0].request_id)
    assert unknown is not None
    assert (unknown.owner, unknown.submitted_at) == (owner, rows[0].submitted_at)


async def _requests_of(place: Place, owner: Owner) -> list[RequestRow]:
    """Newest first: only accepted, running, completed, failed, waiting."""
    own, now, found = PostgresRequests(place.database), datetime.now(UTC).replace(microsecond=0), []
    ends: list[EndState | None] = [None, None, "completed", "failed", None]
    for age, end in enumerate(ends):
        request = await place.submit(4, accepted=False)
        submitted_at = now - timedelta(minutes=age)
        file = request.file.model_copy(update={"owner": owner, "accepted_at": submitted_at})
        accepted = "UPDATE ingest.requests SET owner = $2, request = $3, accepted_at = $4 WHERE request_id = $1"
        await place.execute(accepted, file.request_id, owner, file.model_dump(mode="json"), submitted_at)
        if age > 0:
            await own.insert(file)
        if age == 1 or end:
            await own.start([file.request_id], at=now)
        if end:
            await own.claim_end(file.request_id, state=end, trigger=TRIGGER, at=now)
            await own.store_assembly(file.request_id, Tally(succeeded=4), WrittenCsvs("aa", None, {}), at=now)
        found.append(row_of(file))
    return found
