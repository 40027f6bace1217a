"""`DELETE /v1/requests/{id}`: what is left of a request goes, whatever is away in between."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from services.ingest.adapters.s3_requests import S3Requests
from services.ingest.api.delete import delete_router
from services.ingest.delete_request import DeleteRequest, DoomedRequest
from shared.events import RequestDeleted
from shared.http.app import service_app
from shared.ids import LOCAL_OWNER, Owner
from shared.object_memory import MemoryObjects
from shared.topics import REQUESTS_DELETED
from tests.callers import ALL_OPERATORS, EVERYONE
from tests.unit.ingest.fakes import NOON, REQUEST, RecordedFacts, RequestsInMemory, agreed

DELETED = [RequestDeleted(request_id=REQUEST, owner=LOCAL_OWNER)]
OTHER = "11111111-2222-4333-8444-555555555555"


class Kept:
    """A request with its objects, and another one's."""

    def __init__(self, *, ended: bool = True) -> None:
        self.rows = RequestsInMemory(requests={REQUEST: agreed()}, ended={REQUEST: NOON} if ended else {})
        self.store = MemoryObjects()
        self.facts = RecordedFacts()
        for request in (REQUEST, OTHER):
            for bucket, name in [("requests", "input.csv"), ("requests", "manifest/0.jsonl"), ("images", "0/a.jpg")]:
                self.store.objects[bucket, f"{request}/{name}"] = b"x"
        objects = S3Requests(self.store, "requests", images_bucket="images")
        self.delete = DeleteRequest(self.rows, objects, self.facts, now=lambda: NOON)
        self.app = service_app("ingest", {}, operators=ALL_OPERATORS, debug=False)
        self.app.include_router(delete_router(self.delete, EVERYONE))

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx2.AsyncClient]:
        transport = httpx2.ASGITransport(self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://ingest") as client:
            yield client

    async def status(self, request_id: str = REQUEST) -> int:
        async with self.client() as client:
            return (await client.delete(f"/v1/requests/{request_id}")).status_code

    def left(self) -> int:
        return sum(key.startswith(REQUEST) for _, key in self.store.objects)


async def test_a_request_that_has_ended_goes_with_all_its_objects_and_rows() -> None:
    kept = Kept()
    assert await kept.status() == 204
    assert (kept.left(), len(kept.store.objects), kept.rows.requests) == (0, 3, {})
    assert kept.facts.events(REQUESTS_DELETED) == DELETED


async def test_a_request_deleted_twice_is_unknown_the_second_time_and_said_once() -> None:
    kept = Kept()
    assert [await kept.status(), await kept.status()] == [204, 404]
    assert kept.facts.events(REQUESTS_DELETED) == DELETED


async def test_a_request_that_runs_is_left_alone() -> None:
    kept = Kept(ended=False)
    assert await kept.status() == 409
    assert (kept.left(), list(kept.rows.requests), kept.facts.published) == (3, [REQUEST], [])


@pytest.mark.parametrize("name", [OTHER, "nonsense", "%00", "x" * 300])
async def test_what_is_no_request_is_404(name: str) -> None:
    assert await Kept().status(name) == 404


async def test_a_request_of_somebody_else_is_unknown() -> None:
    kept = Kept()
    assert await kept.delete(REQUEST, Owner("somebody")) == "unknown"
    assert kept.left() == 3


@pytest.mark.parametrize("away", ["s3", "kafka"])
async def test_a_deletion_with_a_part_away_is_kept_in_mind_and_finished_by_repeating_it(away: str) -> None:
    kept = Kept()
    part: MemoryObjects | RecordedFacts = kept.store if away == "s3" else kept.facts
    part.is_away = True
    assert await kept.status() == 204
    assert list(kept.rows.deleted) == [REQUEST]
    part.is_away = False
    assert await kept.status() == 204
    assert (kept.left(), kept.rows.requests, kept.facts.events(REQUESTS_DELETED)) == (0, {}, DELETED)


async def test_without_postgres_nothing_is_deleted() -> None:
    kept = Kept()
    kept.rows.is_away = True
    assert await kept.status() == 503
    assert kept.left() == 3


async def test_finishing_twice_does_no_harm() -> None:
    kept = Kept()
    await kept.rows.mark_deleted(REQUEST, LOCAL_OWNER, NOON)
    doomed = DoomedRequest(REQUEST, LOCAL_OWNER)
    await kept.delete.finish(doomed)
    await kept.delete.finish(doomed)
    assert kept.facts.events(REQUESTS_DELETED) == DELETED * 2
