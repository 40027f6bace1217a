"""The notifier over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx2
import pytest

from services.notifier.api.deliveries import deliveries_router
from services.notifier.by_hand import ByHand
from services.notifier.courier import Answer, Courier
from services.notifier.domain.delivery import delivery_id
from services.notifier.domain.schedule import Schedule
from services.notifier.on_request_completed import OnRequestCompleted
from services.notifier.steps import Steps
from shared.events import rfc3339
from shared.http.app import service_app
from shared.http.callers import Callers
from tests.callers import ALL_OPERATORS, EVERYONE, MemoryKeys, keyed
from tests.unit.notifier.fakes import (
    NOON,
    REQUEST,
    SECRET,
    URL,
    CalmProcess,
    DeliveriesInMemory,
    KnownCallbacks,
    LaterInMemory,
    Receiver,
    places,
    received,
)


class Api:
    def __init__(self, *script: Answer | Exception, callers: Callers = EVERYONE) -> None:
        self.deliveries = DeliveriesInMemory()
        self.receiver = Receiver(list(script))
        self.later = LaterInMemory()
        courier = Courier(self.receiver, SECRET, CalmProcess())
        self.steps = Steps(
            courier, self.deliveries, places(), self.later, schedule=Schedule(), now=lambda: NOON, chance=lambda: 0.0
        )
        self.app = service_app("notifier", {}, operators=ALL_OPERATORS, debug=False)
        by_hand = ByHand(courier, self.deliveries)
        self.app.include_router(deliveries_router(self.deliveries, KnownCallbacks(), by_hand, callers=callers))

    async def deliver(self) -> None:
        await OnRequestCompleted(KnownCallbacks(), self.steps)(received())

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx2.AsyncClient]:
        transport = httpx2.ASGITransport(self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://notifier") as client:
            yield client


async def test_deliveries_are_shown_with_their_attempts_and_without_the_rest_of_the_url() -> None:
    api = Api(Answer(503, b"later"))
    await api.deliver()
    async with api.client() as client:
        answer = await client.get(f"/v1/requests/{REQUEST}/deliveries")
    assert answer.status_code == 200
    assert "token" not in answer.text
    (item,) = answer.json()["items"]
    assert item["delivery_id"] == delivery_id(REQUEST, URL)
    assert (item["state"], item["host"], item["delivered_at"]) == ("pending", "shop.example", None)
    assert item["next_attempt_at"] == rfc3339(NOON + timedelta(seconds=5))
    (attempt,) = item["attempts"]
    assert (attempt["n"], attempt["status"], attempt["response"]) == (1, 503, "later")
    assert attempt["error"]["code"] == "http_503"
    assert attempt["trigger"] == "requests.completed.v1/1/7"


async def test_a_request_without_a_callback_has_no_deliveries() -> None:
    async with Api().client() as client:
        answer = await client.get(f"/v1/requests/{REQUEST}/deliveries")
    assert (answer.status_code, answer.json()) == (200, {"items": []})


@pytest.mark.parametrize("name", ["00000000-0000-4000-8000-000000000000", "not-an-id"])
async def test_an_unknown_request_is_404(name: str) -> None:
    async with Api().client() as client:
        answer = await client.get(f"/v1/requests/{name}/deliveries")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:pixelmill:problem:unknown-request"


async def test_a_redelivery_posts_the_same_body_under_the_same_id_and_says_what_became_of_it() -> None:
    api = Api(Answer(500, b""), Answer(200, b"ok"))
    await api.deliver()
    async with api.client() as client:
        answer = await client.post(f"/v1/deliveries/{delivery_id(REQUEST, URL)}/redeliver")
    first, second = api.receiver.posted
    assert (second.body, second.headers["webhook-id"]) == (first.body, first.headers["webhook-id"])
    assert answer.json()["state"] == "delivered"
    assert answer.json()["next_attempt_at"] is None
    assert [attempt["trigger"] for attempt in answer.json()["attempts"]] == ["requests.completed.v1/1/7", "manual"]


async def test_a_redelivery_that_fails_leaves_the_schedule_as_it_was() -> None:
    api = Api(Answer(500, b""), Answer(500, b""))
    await api.deliver()
    (owed,) = api.deliveries.kept.values()
    async with api.client() as client:
        answer = await client.post(f"/v1/deliveries/{delivery_id(REQUEST, URL)}/redeliver")
    assert (answer.json()["state"], len(answer.json()["attempts"])) == ("pending", 2)
    assert list(api.deliveries.kept.values()) == [owed]


@pytest.mark.parametrize("name", ["00000000-0000-4000-8000-000000000000", "not-an-id"])
async def test_redelivering_an_unknown_delivery_is_404(name: str) -> None:
    async with Api().client() as client:
        answer = await client.post(f"/v1/deliveries/{name}/redeliver")
    assert answer.status_code == 404


async def test_where_keys_are_required_nothing_is_shown_without_one() -> None:
    async with Api(callers=keyed(MemoryKeys())).client() as client:
        answer = await client.get(f"/v1/requests/{REQUEST}/deliveries")
        alive = await client.get("/healthz")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert alive.status_code == 200
