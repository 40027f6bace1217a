"""The notifier over HTTP: the webhooks of a request."""

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from services.notifier.courier import Answer
from services.notifier.domain.delivery import Delivery, delivery_id, delivery_owed, trigger_kind
from services.notifier.domain.endpoint_health import endpoint_id
from services.notifier.domain.history import MOST_LISTED
from services.notifier.manual_places import IN_ALL, PER_OWNER, ManualPlaces, TooManyByHand
from services.notifier.settings import MANUAL_PLACES
from shared.events import rfc3339
from shared.ids import LOCAL_OWNER, Owner
from tests.callers import MemoryKeys, keyed
from tests.unit.notifier.api import Api
from tests.unit.notifier.fakes import NOON, REQUEST, URL, Receiver, completed
from tests.waiting import until

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
    assert (attempt["trigger"], item["attempts_total"]) == ("completion", 1)
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
    assert [attempt["trigger"] for attempt in answer.json()["attempts"]] == ["completion", "manual"]


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


@dataclass
class SilentReceiver(Receiver):
    """Answers nobody until it is told to."""

    answers: asyncio.Event = field(default_factory=asyncio.Event)

    async def post(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
        answer = await super().post(url, body=body, headers=headers)
        await self.answers.wait()
        return answer


@pytest.mark.checklist("N12")
async def test_who_has_as_many_posted_by_hand_as_may_be_is_told_to_ask_later_and_waits_for_nothing() -> None:
    receiver = SilentReceiver()
    api = Api(receiver=receiver)
    receiver.answers.set()
    await api.deliver()
    receiver.answers.clear()
    async with api.client() as client, asyncio.TaskGroup() as group:
        asked = [group.create_task(client.post(f"/v1/deliveries/{NAME}/redeliver")) for _ in range(PER_OWNER)]
        await until(lambda: len(receiver.posted) == 1 + PER_OWNER, what="as many as may be are under way")
        refused = await client.post(f"/v1/deliveries/{NAME}/redeliver")
        receiver.answers.set()
        await asyncio.wait(asked)
        once_more = await client.post(f"/v1/deliveries/{NAME}/redeliver")
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:pixelmill:problem:too-many-redeliveries")
    assert refused.headers["retry-after"] == "5"
    assert [each.result().status_code for each in asked] + [once_more.status_code] == [200] * (PER_OWNER + 1)


def owed_by(owner: str, url: str) -> Delivery:
    return delivery_owed(completed(owner=Owner(owner)), url)


def test_by_hand_there_are_places_per_owner_per_endpoint_and_in_all_and_each_is_given_back() -> None:
    places = ManualPlaces()
    with ExitStack() as held:
        for number in range(IN_ALL):
            held.enter_context(places.one(owed_by(f"o{number // PER_OWNER}", f"https://s{number}.example/")))
        with pytest.raises(TooManyByHand), places.one(owed_by("another", "https://free.example/")):
            pass
    with ExitStack() as held:
        for number in range(MANUAL_PLACES):
            held.enter_context(places.one(owed_by(f"o{number}", f"{URL}&n={number}")))
        with pytest.raises(TooManyByHand), places.one(owed_by("another", URL)):
            pass


async def test_of_very_many_attempts_the_newest_are_shown_and_all_are_counted() -> None:
    api = Api()
    await api.deliver()
    async with api.client() as client:
        for _ in range(MOST_LISTED):
            answer = await client.post(f"/v1/deliveries/{NAME}/redeliver")
    shown = answer.json()
    assert shown["attempts_total"] == MOST_LISTED + 1
    assert [attempt["n"] for attempt in shown["attempts"]] == list(range(2, MOST_LISTED + 2))


@pytest.mark.parametrize(
    ("trigger", "kind"),
    [
        ("manual", "manual"),
        ("test.requests.completed.v1/1/7", "completion"),
        ("test.webhooks.retry.5s.v1/0/3", "retry"),
    ],
)
def test_owners_see_what_caused_an_attempt_and_not_where_its_record_stands(trigger: str, kind: str) -> None:
    assert trigger_kind(trigger) == kind
