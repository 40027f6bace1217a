"""Many webhooks once more, by a window of time."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.notifier.courier import Answer
from services.notifier.domain.delivery import DeliveryId, delivery_id
from services.notifier.on_delivery_due import OnDeliveryDue
from services.notifier.redeliveries import REDELIVER
from shared.events import DeliveryDue, rfc3339
from shared.ids import RequestId
from shared.kafka.records import Received, Trigger
from shared.kafka.retry_tiers import NOT_BEFORE
from shared.list_cursors import place_of
from shared.topics import WEBHOOKS_RETRY
from tests.callers import MemoryKeys, keyed
from tests.unit.notifier.api import Api
from tests.unit.notifier.fakes import NOON, URL

HOPELESS = Answer(410, b"gone")
WINDOW = {"since": rfc3339(NOON - timedelta(hours=1)), "until": rfc3339(NOON + timedelta(hours=1))}


def request(number: int) -> RequestId:
    return RequestId(f"00000000-0000-4000-8000-{number:012x}")


async def with_failed(count: int, *script: Answer, **options: Any) -> Api:
    """So many deliveries that failed for good, at an endpoint that was enabled again; then `script` is answered."""
    api = Api(*[HOPELESS] * count, **options)
    for number in range(count):
        await api.deliver(request(number), offset=number)
        api.endpoints.kept.clear()
    api.receiver.script[:] = script
    return api


async def asked(api: Api, order: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
    async with api.client(headers) as client:
        answer = await client.post("/v1/deliveries/redeliver", json=WINDOW | order)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def read(api: Api) -> None:
    """What was appended comes back when it is due."""
    handle = OnDeliveryDue(api.deliveries, api.steps)
    records, api.appended.records = api.appended.records, []
    for offset, (topic, record) in enumerate(records):
        headers = {name: (value or b"").decode() for name, value in record.headers}
        due = DeliveryDue.model_validate_json(record.value)
        await handle(Received(due, Trigger(topic.name, 0, 1000 + offset), headers))


def state(api: Api, name: DeliveryId) -> str:
    return api.deliveries.kept[name].progress.state


@pytest.mark.checklist("N12")
async def test_failed_webhooks_of_a_window_are_delivered_again_marked_manual_under_the_same_id() -> None:
    api = await with_failed(3)
    report = await asked(api, {})
    assert report == {
        "dry_run": False,
        "matching": 3,
        "scheduled": 3,
        "disabled": 0,
        "next_cursor": None,
        "stopped": None,
    }
    before, api.receiver.posted[:] = list(api.receiver.posted), []
    await read(api)
    assert {posted.headers["webhook-id"] for posted in api.receiver.posted} == {
        posted.headers["webhook-id"] for posted in before
    }
    for name, attempts in api.deliveries.attempts.items():
        assert state(api, name) == "delivered"
        assert [one.attempt.trigger.split("/")[0] for one in attempts] == ["requests.completed.v1", "manual"]


async def test_what_is_scheduled_falls_due_one_after_another_in_the_shortest_tier() -> None:
    api = await with_failed(3)
    await asked(api, {})
    due = []
    for topic, record in api.appended.records:
        headers = dict(record.headers)
        assert topic == WEBHOOKS_RETRY[0]
        assert headers[REDELIVER] == b"failed"
        due.append((headers[NOT_BEFORE] or b"").decode())
    assert due == [rfc3339(NOON + timedelta(seconds=5 + place / 50)) for place in range(3)]


@pytest.mark.checklist("N12")
async def test_a_redelivery_that_fails_has_the_whole_schedule_before_it_again() -> None:
    api = await with_failed(1, Answer(500, b""))
    await asked(api, {})
    await read(api)
    ((name, attempts),) = api.deliveries.attempts.items()
    assert (state(api, name), attempts[-1].attempt.trigger) == ("pending", "manual")
    assert (api.later.scheduled[-1].event.attempt, api.later.scheduled[-1].after) == (1, timedelta(seconds=5))


@pytest.mark.checklist("N12")
async def test_what_was_delivered_is_sent_again_when_that_is_asked_for_and_else_is_not() -> None:
    api = Api()
    await api.deliver(request(1))
    assert (await asked(api, {}))["matching"] == 0
    assert (await asked(api, {"states": ["delivered", "failed"]}))["scheduled"] == 1
    await read(api)
    first, second = api.receiver.posted
    assert (second.body, second.headers["webhook-id"]) == (first.body, first.headers["webhook-id"])
    name = delivery_id(request(1), URL)
    assert state(api, name) == "delivered"
    assert api.deliveries.attempts[name][-1].attempt.trigger == "manual"


async def test_one_that_was_delivered_meanwhile_is_not_sent_again() -> None:
    api = await with_failed(1)
    await asked(api, {})
    async with api.client() as client:
        (name,) = api.deliveries.kept
        await client.post(f"/v1/deliveries/{name}/redeliver")
    posted = len(api.receiver.posted)
    await read(api)
    assert len(api.receiver.posted) == posted


async def test_the_same_record_twice_begins_anew_once() -> None:
    api = await with_failed(1, HOPELESS, HOPELESS)
    await asked(api, {})
    records = list(api.appended.records)
    await read(api)
    api.endpoints.kept.clear()
    api.appended.records = records
    await read(api)
    assert len(api.receiver.posted) == 2


@pytest.mark.checklist("N12")
async def test_one_request_alone_can_be_chosen() -> None:
    api = await with_failed(3)
    assert (await asked(api, {"request_id": request(1)}))["scheduled"] == 1
    await read(api)
    assert [name for name in api.deliveries.kept if state(api, name) == "delivered"] == [delivery_id(request(1), URL)]


async def test_a_dry_run_counts_and_schedules_nothing() -> None:
    api = await with_failed(2)
    report = await asked(api, {"dry_run": True})
    assert (report["dry_run"], report["matching"], report["scheduled"]) == (True, 2, 2)
    assert api.appended.records == []


async def test_a_call_is_bounded_and_the_next_goes_on_where_it_ended() -> None:
    api = await with_failed(3)
    first = await asked(api, {"limit": 2})
    assert (first["matching"], first["scheduled"]) == (3, 2)
    api.now += timedelta(minutes=1)
    second = await asked(api, {"limit": 2, "cursor": first["next_cursor"]})
    assert (second["matching"], second["scheduled"], second["next_cursor"]) == (1, 1, None)
    assert len({record.key for _, record in api.appended.records}) == 3


@pytest.mark.checklist("N7")
async def test_webhooks_of_a_disabled_endpoint_are_passed_over_and_counted() -> None:
    api = Api(HOPELESS)
    await api.deliver(request(1))
    report = await asked(api, {})
    assert (report["matching"], report["scheduled"], report["disabled"]) == (1, 0, 1)
    assert api.appended.records == []


async def test_where_kafka_goes_away_meanwhile_the_answer_says_how_far_it_came() -> None:
    api = await with_failed(51)
    api.appended.away_after = 50
    report = await asked(api, {})
    assert (report["matching"], report["scheduled"], report["stopped"]) == (51, 50, "kafka is away")
    assert place_of(report["next_cursor"]) == (NOON, UUID(sorted(api.deliveries.kept)[49]))


async def test_a_cursor_holds_where_its_delivery_was_deleted_meanwhile() -> None:
    api = await with_failed(3)
    first = await asked(api, {"limit": 1, "dry_run": True})
    del api.deliveries.kept[min(api.deliveries.kept)]
    assert (await asked(api, {"cursor": first["next_cursor"]}))["scheduled"] == 2


async def test_an_owner_has_one_call_at_a_time_and_the_next_when_all_it_scheduled_is_due() -> None:
    keys = MemoryKeys()
    api = await with_failed(51, callers=keyed(keys))
    local, other = keys.make("local"), keys.make("somebody else")
    async with api.client(local) as client:
        answers = await asyncio.gather(*(client.post("/v1/deliveries/redeliver", json=WINDOW) for _ in range(10)))
        assert sorted(answer.status_code for answer in answers) == [202] + [409] * 9
        api.now += timedelta(seconds=1)
        refused = await client.post("/v1/deliveries/redeliver", json=WINDOW)
        assert refused.json()["type"] == "urn:pixelmill:problem:redelivery-running"
        # Five seconds and 51 webhooks, 50 a second, of which a second has passed.
        assert refused.headers["retry-after"] == "6"
    assert len(api.appended.records) == 51
    assert (await asked(api, {"dry_run": True}, local))["matching"] == 51
    assert (await asked(api, {}, other))["matching"] == 0
    api.now += timedelta(seconds=6)
    assert (await asked(api, {}, local))["scheduled"] == 51


async def test_where_kafka_is_away_nothing_is_scheduled() -> None:
    api = await with_failed(1)
    api.appended.away_after = 0
    async with api.client() as client:
        answer = await client.post("/v1/deliveries/redeliver", json=WINDOW)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:pixelmill:problem:part-away")


async def test_webhooks_of_another_owner_do_not_fit() -> None:
    keys = MemoryKeys()
    api = await with_failed(1, callers=keyed(keys))
    assert (await asked(api, {}, keys.make("somebody else")))["matching"] == 0
    assert (await asked(api, {}, keys.make("local")))["matching"] == 1


@pytest.mark.parametrize(
    "order",
    [
        {"until": WINDOW["since"]},
        {"since": "2026-03-01T00:00:00"},
        {"states": []},
        {"states": ["pending"]},
        {"limit": 1001},
        {"cursor": "x"},
        {"request": "x"},
    ],
    ids=["empty window", "no zone", "no state", "pending", "limit", "cursor", "unknown"],
)
async def test_an_order_that_is_none_is_refused(order: dict[str, Any]) -> None:
    async with Api().client() as client:
        answer = await client.post("/v1/deliveries/redeliver", json=WINDOW | order)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:pixelmill:problem:invalid-parameters")
