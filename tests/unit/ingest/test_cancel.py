"""`POST /v1/requests/{id}/cancel`: durable before the answer, said beside it, harmless when repeated."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from services.ingest.announcements import BackgroundAnnouncements
from services.ingest.api.answers import PublicUrls
from services.ingest.api.cancel import cancel_router
from services.ingest.cancel_request import CancelRequest, cancel_requested
from shared.errors import DependencyAway
from shared.events import EndState
from shared.http.app import service_app
from shared.ids import LOCAL_OWNER, Owner
from shared.kafka.records import Trigger
from shared.topics import REQUESTS_PROGRESS
from tests.callers import ALL_OPERATORS, EVERYONE
from tests.unit.ingest.fakes import NOON, REQUEST, RecordedFacts, RequestsInMemory, agreed

URLS = PublicUrls("http://in.example/", "http://agg.example", "http://not.example")
SAID = [cancel_requested(REQUEST, LOCAL_OWNER)]
OTHER = "11111111-2222-4333-8444-555555555555"


class Running:
    """A request that runs, unless it `ended`."""

    def __init__(self, *, ended: EndState | None = None) -> None:
        self.rows = RequestsInMemory(requests={REQUEST: agreed()})
        if ended is not None:
            self.rows.ended, self.rows.end_states = {REQUEST: NOON}, {REQUEST: ended}
        self.facts = RecordedFacts()
        self.announcements = BackgroundAnnouncements(self.facts, self.rows, now=lambda: NOON)
        self.cancel = CancelRequest(self.rows, self.announcements, now=lambda: NOON)
        self.app = service_app("ingest", {}, operators=ALL_OPERATORS, debug=False)
        self.app.include_router(cancel_router(self.cancel, EVERYONE, URLS))

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx2.AsyncClient]:
        transport = httpx2.ASGITransport(self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://ingest") as client:
            yield client

    async def post(self, request_id: str = REQUEST) -> tuple[int, dict[str, Any]]:
        """Answer a call, and wait for what is said beside the answer."""
        async with self.client() as client:
            answer = await client.post(f"/v1/requests/{request_id}/cancel")
        await self.announcements.close()
        return answer.status_code, answer.json()


async def test_a_running_request_is_marked_and_its_cancellation_said() -> None:
    running = Running()
    running.rows.released[REQUEST, 0] = Trigger("requests.accepted.v1", 0, 1)
    status, body = await running.post()
    assert (status, body["request_id"], body["state"]) == (202, REQUEST, "processing")
    assert body["cancel_requested_at"] == "2026-03-01T12:00:00.000Z"
    assert body["status_url"] == body["links"]["self"] == f"http://agg.example/v1/requests/{REQUEST}"
    assert body["links"]["cancel"] == f"http://in.example/v1/requests/{REQUEST}/cancel"
    assert running.facts.events(REQUESTS_PROGRESS) == SAID
    assert running.rows.cancel_said == {REQUEST: NOON}


async def test_a_request_of_which_nothing_was_released_is_pending() -> None:
    assert (await Running().post())[1]["state"] == "pending"


async def test_cancelling_twice_is_harmless_also_when_it_has_come_to_its_end() -> None:
    running = Running()
    assert [(await running.post())[0], (await running.post())[0]] == [202, 202]
    await running.rows.mark_ended(REQUEST, NOON, "cancelled")
    said = len(running.facts.published)
    status, body = await running.post()
    assert (status, body["state"], body["links"]["cancel"]) == (202, "cancelled", None)
    assert len(running.facts.published) == said


@pytest.mark.parametrize("state", ["completed", "failed", "expired", "cancelled"])
async def test_a_request_that_has_ended_without_being_cancelled_is_409(state: EndState) -> None:
    running = Running(ended=state)
    status, body = await running.post()
    assert (status, body["type"].rpartition(":")[2]) == (409, "request-ended")
    assert running.facts.published == []


async def test_a_cancellation_that_came_too_late_is_409_when_it_is_repeated() -> None:
    running = Running()
    await running.post()
    await running.rows.mark_ended(REQUEST, NOON, "completed")
    assert (await running.post())[0] == 409


@pytest.mark.parametrize("name", [OTHER, "nonsense", "x" * 300])
async def test_what_is_no_request_is_404(name: str) -> None:
    assert (await Running().post(name))[0] == 404


async def test_a_request_of_somebody_else_is_unknown() -> None:
    running = Running()
    assert await running.cancel(REQUEST, Owner("somebody")) == "unknown"
    assert running.rows.cancelled == {}


async def test_without_kafka_it_is_marked_all_the_same_and_left_to_the_sweeper() -> None:
    running = Running()
    running.facts.is_away = True
    assert (await running.post())[0] == 202
    assert (running.rows.cancelled, running.rows.cancel_said) == ({REQUEST: NOON}, {})


async def test_without_postgres_nothing_is_cancelled() -> None:
    running = Running()
    running.rows.is_away = True
    assert (await running.post())[0] == 503
    assert (running.rows.cancelled, running.facts.published) == ({}, [])
    with pytest.raises(DependencyAway):
        await running.cancel(REQUEST, LOCAL_OWNER)
