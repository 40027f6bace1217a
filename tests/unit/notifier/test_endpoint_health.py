"""When an endpoint is called no more, who learns of it, and how it is called again."""

import logging
from datetime import datetime, timedelta

import pytest

from services.notifier.courier import Answer
from services.notifier.disabled_endpoints import tell_disabled
from services.notifier.domain.delivery import Attempt, AttemptError, delivery_id
from services.notifier.domain.endpoint_health import (
    HEALTHY,
    Endpoint,
    EndpointHealth,
    EndpointId,
    endpoint_id,
    health_after,
)
from services.notifier.domain.progress import Tried
from services.notifier.metrics import DISABLED
from shared.errors import Transient
from shared.events import rfc3339
from shared.ids import LOCAL_OWNER, Owner, RequestId
from tests.callers import MemoryKeys, keyed
from tests.unit.notifier.api import Api
from tests.unit.notifier.fakes import NOON, REQUEST, URL
from tests.unit.notifier.memory import FIVE_DAYS

LATER = RequestId("00000000-0000-4000-8000-00000000000a")
NAME = endpoint_id(LOCAL_OWNER, URL)
HOUR = timedelta(hours=1)


def failed(at: datetime, code: str = "http_500", *, was_suspended: bool = False) -> Tried:
    status = int(code[5:]) if code.startswith("http_") else None
    return Tried(Attempt(at, "t/0/1", 5, status, None, AttemptError(code, "no")), was_suspended=was_suspended)


def succeeded(at: datetime) -> Tried:
    return Tried(Attempt(at, "t/0/1", 5, 200, "", None))


def health(*tries: Tried) -> EndpointHealth:
    found = HEALTHY
    for tried in tries:
        found = health_after(found, tried, FIVE_DAYS)
    return found


@pytest.mark.checklist("N13")
def test_an_endpoint_is_disabled_when_nothing_but_failures_came_for_five_days() -> None:
    every_day = [failed(NOON + timedelta(days=day)) for day in range(5)]
    assert health(*every_day) == EndpointHealth(NOON, NOON + timedelta(days=4))
    last = NOON + FIVE_DAYS
    assert health(*every_day, failed(last, "timeout")) == EndpointHealth(NOON, last, last, "failing")


@pytest.mark.checklist("N13")
def test_a_success_makes_the_next_failure_the_first() -> None:
    days = [NOON + timedelta(days=day) for day in range(7)]
    found = health(failed(days[0]), failed(days[3]), succeeded(days[4]), failed(days[5]), failed(days[6]))
    assert (found.failing_since, found.is_disabled) == (days[5], False)


def test_failures_with_a_long_silence_between_them_are_not_one_failing() -> None:
    late = NOON + timedelta(days=30)
    assert health(failed(NOON), failed(late)) == EndpointHealth(late, late)


@pytest.mark.checklist("N7")
def test_who_answers_410_is_disabled_at_once_and_a_success_that_was_under_way_changes_nothing() -> None:
    gone = EndpointHealth(NOON, NOON, NOON, "gone")
    assert health(failed(NOON, "http_410")) == gone
    assert health(failed(NOON, "http_410"), succeeded(NOON + HOUR), failed(NOON + HOUR)) == gone


@pytest.mark.parametrize(
    "tried",
    [
        failed(NOON, "no_webhook_secret"),
        failed(NOON, "endpoint_disabled"),
        failed(NOON, "timeout", was_suspended=True),
    ],
    ids=["no secret", "disabled", "suspended"],
)
def test_what_is_no_fault_of_the_endpoint_does_not_count(tried: Tried) -> None:
    assert health(tried) == HEALTHY


def test_an_answer_counts_even_when_the_process_stood_still_meanwhile() -> None:
    assert health(failed(NOON, "http_500", was_suspended=True)).failing_since == NOON


def test_an_endpoint_is_one_owners_url() -> None:
    names = {endpoint_id(Owner(owner), url) for owner in ("a", "a|b") for url in ("https://x", "b|https://x")}
    assert len(names) == 4


@pytest.mark.checklist("N7")
async def test_after_a_410_no_more_is_posted_there_and_what_is_owed_there_later_fails_at_once_and_says_so() -> None:
    api = Api(Answer(410, b"gone"))
    await api.deliver()
    await api.deliver(LATER, offset=8)
    async with api.client() as client:
        (first,) = (await client.get(f"/v1/requests/{REQUEST}/deliveries")).json()["items"]
        listed = (await client.get("/v1/webhook-endpoints")).json()["items"]
    assert len(api.receiver.posted) == 1
    assert [(letter.attempt, code) for letter, code in api.later.given_up] == [
        (1, "http_410"),
        (1, "endpoint_disabled"),
    ]
    assert (first["state"], first["endpoint_id"]) == ("failed", NAME)
    (attempt,) = api.deliveries.attempts[delivery_id(LATER, URL)]
    assert (attempt.attempt.status, attempt.next_attempt_at) == (None, None)
    assert listed == [
        {
            "endpoint_id": NAME,
            "host": "shop.example",
            "failing_since": rfc3339(NOON),
            "disabled_at": rfc3339(NOON),
            "reason": "gone",
        }
    ]


@pytest.mark.checklist("N7", "N13")
async def test_a_retry_that_is_due_at_a_disabled_endpoint_is_not_posted_either() -> None:
    api = Api(Answer(500, b""), Answer(410, b""))
    await api.deliver()
    await api.deliver(LATER, offset=8)
    owed = api.deliveries.kept[delivery_id(REQUEST, URL)]
    due = owed.progress.next_attempt_at
    assert due is not None
    api.now = due
    tried = await api.courier.attempt(owed.delivery, trigger="webhooks.retry.5s.v1/0/1")
    assert (tried.is_hopeless, tried.attempt.error and tried.attempt.error.code) == (True, "endpoint_disabled")
    assert len(api.receiver.posted) == 2


@pytest.mark.checklist("N7")
async def test_a_redelivery_by_hand_to_a_disabled_endpoint_is_refused_and_says_how_to_enable_it() -> None:
    api = Api(Answer(410, b""), Answer(200, b""))
    await api.deliver()
    path = f"/v1/deliveries/{delivery_id(REQUEST, URL)}/redeliver"
    async with api.client() as client:
        refused = await client.post(path)
        enabled = await client.post(f"/v1/webhook-endpoints/{NAME}/enable")
        again = await client.post(f"/v1/webhook-endpoints/{NAME}/enable")
        delivered = await client.post(path)
        listed = await client.get("/v1/webhook-endpoints")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:pixelmill:problem:endpoint-disabled")
    assert f"POST /v1/webhook-endpoints/{NAME}/enable" in refused.json()["detail"]
    assert refused.json()["endpoint_id"] == NAME
    assert enabled.json() == {
        "endpoint_id": NAME,
        "host": "shop.example",
        "failing_since": None,
        "disabled_at": None,
        "reason": None,
    }
    assert again.json() == enabled.json()
    assert delivered.json()["state"] == "delivered"
    assert listed.json() == {"items": []}


@pytest.mark.checklist("N13")
async def test_an_endpoint_that_fails_is_listed_before_it_is_disabled() -> None:
    api = Api(Transient("timeout", "too slow"))
    await api.deliver()
    async with api.client() as client:
        (item,) = (await client.get("/v1/webhook-endpoints")).json()["items"]
    assert (item["failing_since"], item["disabled_at"], item["reason"]) == (rfc3339(NOON), None, None)


@pytest.mark.parametrize("name", ["00000000-0000-4000-8000-000000000000", "not-an-id"])
async def test_enabling_what_is_not_on_record_is_404(name: str) -> None:
    async with Api().client() as client:
        answer = await client.post(f"/v1/webhook-endpoints/{name}/enable")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:pixelmill:problem:unknown-webhook-endpoint")


async def test_endpoints_of_another_owner_are_neither_listed_nor_enabled() -> None:
    keys = MemoryKeys()
    api = Api(Answer(410, b""), callers=keyed(keys))
    await api.deliver()
    async with api.client(keys.make("somebody else")) as client:
        assert (await client.get("/v1/webhook-endpoints")).json() == {"items": []}
        assert (await client.post(f"/v1/webhook-endpoints/{NAME}/enable")).status_code == 404
    assert await api.endpoints.is_disabled(NAME)


@pytest.mark.checklist("N13")
def test_operators_learn_of_a_disabled_endpoint_from_a_warning_and_a_count(caplog: pytest.LogCaptureFixture) -> None:
    counted = DISABLED.labels("failing")._value.get()
    endpoint = Endpoint(EndpointId("an-id"), URL, EndpointHealth(NOON, NOON, NOON, "failing"))
    tell_disabled(endpoint)
    (said,) = caplog.records
    assert said.levelno == logging.WARNING
    assert (vars(said)["endpoint_id"], vars(said)["host"], vars(said)["reason"]) == ("an-id", "shop.example", "failing")
    assert "token" not in str(vars(said))
    assert DISABLED.labels("failing")._value.get() == counted + 1
