"""The notifier's process on a real Kafka, Postgres and S3, with a receiver on loopback."""

import threading
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from standardwebhooks import Webhook

from shared.events import RequestDeleted
from shared.ids import RequestId
from shared.topics import REQUESTS_DELETED
from tests.integration.notifier_place import Place, place_on
from tests.ports import free_port
from tests.scripted_server import Asked, Reply
from tests.stack import StackForTests
from tests.unit.notifier.fakes import SECRET_TEXT, completed
from tests.waiting import until

pytestmark = pytest.mark.stack

HOOK = "POST /hook"


@pytest.fixture
async def place(stack: StackForTests) -> AsyncIterator[Place]:
    async with place_on(stack) as place:
        await place.start()
        yield place


@pytest.mark.checklist("N1", "N2", "N11")
async def test_a_completion_becomes_one_signed_webhook_with_its_attempt_on_record(place: Place) -> None:
    place.receiver.on(HOOK, Reply(200, {"thanks": True}))
    event = await place.complete(f"{place.receiver.url}/hook")
    delivery = await place.settled(event)
    (posted,) = place.receiver.asked
    body = Webhook(SECRET_TEXT).verify(posted.body, dict(posted.headers))
    assert body == {
        "type": "request.completed",
        "timestamp": event.model_dump(mode="json")["completed_at"],
        "data": event.model_dump(mode="json"),
    }
    assert posted.headers["webhook-id"] == delivery["delivery_id"]
    assert delivery["state"] == "delivered"
    (attempt,) = delivery["attempts"]
    assert (attempt["status"], attempt["error"], attempt["response"]) == (200, None, '{"thanks": true}')
    assert attempt["trigger"] == "completion"


@pytest.mark.checklist("N5", "N6", "N11")
async def test_failures_of_every_kind_are_visible_and_an_event_published_twice_is_posted_once(place: Place) -> None:
    place.receiver.on(HOOK, Reply(500, "broken"))
    place.receiver.on("POST /moved", Reply(307, "", headers={"Location": f"{place.receiver.url}/hook"}))
    events = {
        "http_500": await place.complete(f"{place.receiver.url}/hook"),
        "http_307": await place.complete(f"{place.receiver.url}/moved"),
        "blocked_address": await place.complete("http://10.1.2.3/hook"),
        "connect_error": await place.complete(f"http://127.0.0.1:{free_port()}/hook"),
    }
    for event in events.values():
        await place.publish(event)
    for code, event in events.items():
        delivery = await place.attempted(event)
        # What may never be called is given up; all else is tried for three days.
        expected = "failed" if code == "blocked_address" else "pending"
        assert (delivery["state"], delivery["attempts"][0]["error"]["code"]) == (expected, code)
        assert (delivery["next_attempt_at"] is None) == (expected == "failed")
    place.receiver.on("POST /end", Reply(200))
    last = await place.complete(f"{place.receiver.url}/end")
    await place.settled(last)
    first = [asked.path for asked in place.receiver.asked[: place.receiver.asked.index(_at(place, "/end"))]]
    assert sorted(first) == ["/hook", "/moved"]


def _at(place: Place, path: str) -> Asked:
    return next(asked for asked in place.receiver.asked if asked.path == path)


async def test_without_a_callback_nothing_is_owed_and_a_deleted_request_is_404(place: Place) -> None:
    silent = await place.complete(None)
    deleted = completed(RequestId(str(uuid4())))
    await place.publish(deleted)
    place.receiver.on(HOOK, Reply(204, b""))
    await place.settled(await place.complete(f"{place.receiver.url}/hook"))
    assert await place.deliveries(silent) == []
    assert (await place.get(f"/v1/requests/{deleted.request_id}/deliveries")).status_code == 404


async def test_the_deliveries_of_a_deleted_request_go_with_it(place: Place) -> None:
    place.receiver.on(HOOK, Reply(204, b""))
    event = await place.complete(f"{place.receiver.url}/hook")
    await place.settled(event)
    await place.store.delete_all(place.settings.s3_bucket_requests, f"{event.request_id}/")
    deleted = RequestDeleted(request_id=event.request_id, owner=event.owner)
    await place.producer.publish(REQUESTS_DELETED, deleted, deleted)
    path = f"/v1/requests/{event.request_id}/deliveries"

    async def is_gone() -> bool:
        return (await place.get(path)).status_code == 404

    await until(is_gone, seconds=30, what="the deliveries are gone")
    await place.publish(event)
    await place.settled(await place.complete(f"{place.receiver.url}/hook"))
    assert await is_gone()
    assert len(place.receiver.asked) == 2


@pytest.mark.checklist("N2", "N14")
async def test_a_kill_between_post_and_record_posts_again_under_the_same_webhook_id(place: Place) -> None:
    released = threading.Event()
    place.receiver.on(HOOK, Reply(200, "", after=released), Reply(200, ""))
    event = await place.complete(f"{place.receiver.url}/hook")
    await until(lambda: place.receiver.asked, what="the webhook is under way")
    await place.kill()
    released.set()
    await place.start()
    delivery = await place.settled(event)
    assert delivery["state"] == "delivered"
    assert len(place.receiver.asked) == 2
    assert {asked.headers["webhook-id"] for asked in place.receiver.asked} == {delivery["delivery_id"]}
    assert {asked.body for asked in place.receiver.asked} == {place.receiver.asked[0].body}


async def test_sigterm_ends_the_process_cleanly(place: Place) -> None:
    assert await place.stop() == 0
