"""The notifier over HTTP: the webhooks of a request."""

from datetime import timedelta

import pytest

from services.notifier.courier import Answer
from services.notifier.domain.delivery import delivery_id
from services.notifier.domain.endpoint_health import endpoint_id
from shared.events import rfc3339
from shared.ids import LOCAL_OWNER
from tests.callers import MemoryKeys, keyed
from tests.unit.notifier.api import Api
from tests.unit.notifier.fakes import NOON, REQUEST, URL

NAME = delivery_id(REQUEST, URL)


@pytest.mark.checklist("N11")
async def test_deliveries_are_shown_with_their_attempts_and_without_the_rest_of_the_url() -> None:
    api = Api(Answer(503, b"later"))
    await api.deliver()
    async with api.client() as client:
        answer = await client.get(f"/v1/requests/{REQUEST}/deliveries")
    assert answer.status_code == 200
    assert "token" not in answer.text
    (item,) = answer.json()["items"]
    assert item["delivery_id"] == NAME
    assert (item["state"], item["host"], item["delivered_at"]) == ("pending", "shop.example", None)
    assert item["next_attempt_at"] == rfc3339(NOON + timedelta(seconds=5))
    (attempt,) = item["attempts"]
    assert (attempt["n"], attempt["status"], attempt["response"]) == (1, 503, "later")
    assert attempt["error"]["code"] == "http_503"
    assert attempt["trigger"] == "requests.completed.v1/1/7"
    assert (attempt["at"], attempt["host"]) == (rfc3339(NOON), "shop.example")
    assert attempt["duration_ms"] >= 0
    assert attempt["next_attempt_at"] == item["next_attempt_at"]
    assert item["endpoint_id"] == endpoint_id(LOCAL_OWNER, URL)


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


@pytest.mark.checklist("N2", "N11", "N12")
async def test_a_redelivery_posts_the_same_body_under_the_same_id_and_says_what_became_of_it() -> None:
    api = Api(Answer(500, b""), Answer(200, b"ok"))
    await api.deliver()
    async with api.client() as client:
        answer = await client.post(f"/v1/deliveries/{NAME}/redeliver")
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
        answer = await client.post(f"/v1/deliveries/{NAME}/redeliver")
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


async def test_what_is_another_owners_does_not_exist_for_a_caller() -> None:
    keys = MemoryKeys()
    api = Api(Answer(500, b""), callers=keyed(keys))
    await api.deliver()
    async with api.client(keys.make("somebody else")) as client:
        shown = await client.get(f"/v1/requests/{REQUEST}/deliveries")
        redelivered = await client.post(f"/v1/deliveries/{NAME}/redeliver")
    assert (shown.status_code, redelivered.status_code) == (404, 404)
    assert len(api.receiver.posted) == 1


async def test_an_attempt_by_hand_that_fails_names_when_the_schedule_goes_on() -> None:
    api = Api(Answer(500, b""), Answer(500, b""))
    await api.deliver()
    async with api.client() as client:
        answer = await client.post(f"/v1/deliveries/{NAME}/redeliver")
    planned = rfc3339(NOON + timedelta(seconds=5))
    assert [attempt["next_attempt_at"] for attempt in answer.json()["attempts"]] == [planned, planned]
