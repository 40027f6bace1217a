"""Webhooks that did not arrive at once, on a real Kafka, Postgres and S3."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from shared.events import DeliveryDue, RequestCompleted
from shared.kafka.cloudevents import Encoded, encode
from shared.kafka.dead_letters import ERROR_CODE, ORIGIN_TOPIC, REPLAYED_FROM
from shared.kafka.records import Record
from shared.kafka.retry_tiers import ATTEMPT
from shared.topics import WEBHOOKS_RETRY
from tests.integration.notifier_place import Place, place_on
from tests.scripted_server import Reply
from tests.stack import StackForTests
from tests.waiting import until

pytestmark = pytest.mark.stack

HOOK = "POST /hook"
DOWN = Reply(500, "down")
UP = Reply(200, "thanks")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_a_retry_that_fell_due_while_the_notifier_was_down_happens_when_it_is_up_again(
    stack: StackForTests,
) -> None:
    async with place_on(stack) as place:
        await place.start()
        place.receiver.on(HOOK, DOWN, UP)
        event = await place.complete(f"{place.receiver.url}/hook")
        waiting = await place.attempted(event)
        await place.kill()
        due = moment(waiting["next_attempt_at"])
        await until(lambda: datetime.now(UTC) > due + timedelta(seconds=1), what="the retry is due")
        assert len(place.receiver.asked) == 1
        await place.start()
        delivery = await place.settled(event)
        assert delivery["state"] == "delivered"
        assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 200]
        assert [attempt["trigger"] for attempt in delivery["attempts"]][:2] == ["completion", "retry"]


@pytest.mark.checklist("N8")
async def test_a_busy_receiver_is_left_alone_as_long_as_it_asks(stack: StackForTests) -> None:
    async with place_on(stack, WEBHOOK_RETRY_SECONDS="0") as place:
        await place.start()
        busy = Reply(503, "later", headers={"Retry-After": "7"})
        place.receiver.on(HOOK, busy, busy, busy, UP)
        delivery = await place.settled(await place.complete(f"{place.receiver.url}/hook"), seconds=90)
        # With two attempts of which each counts it would have failed.
        assert delivery["state"] == "delivered"
        times = [moment(attempt["at"]) for attempt in delivery["attempts"]]
        assert len(times) == 4
        assert min(after - before for before, after in pairwise(times)) > timedelta(seconds=6.5)


@pytest.mark.checklist("N12")
async def test_after_the_last_attempt_comes_a_dead_letter_and_its_replay_begins_anew(stack: StackForTests) -> None:
    async with place_on(stack, WEBHOOK_RETRY_SECONDS="5") as place:
        await place.start()
        place.receiver.on(HOOK, DOWN, DOWN, UP)
        event = await place.complete(f"{place.receiver.url}/hook")
        failed = await place.settled(event)
        assert (failed["state"], failed["next_attempt_at"], len(failed["attempts"])) == ("failed", None, 2)
        (letter,) = await place.letters()
        headers = {name: value.decode() for name, value in letter.headers}
        assert (letter.key or b"").decode() == failed["delivery_id"]
        assert (headers[ATTEMPT], headers[ERROR_CODE]) == ("2", "http_500")
        assert headers[ORIGIN_TOPIC].endswith("requests.completed.v1")
        await replay(place, letter)
        await until(lambda: _is_delivered(place, event), seconds=30, what="the letter is delivered")
        (delivery,) = await place.deliveries(event)
        assert len(delivery["attempts"]) == 3


async def replay(place: Place, letter: Record) -> None:
    given_up = DeliveryDue.model_validate_json(letter.value or b"")
    fresh = encode(
        DeliveryDue(request_id=given_up.request_id, owner=given_up.owner, delivery_id=given_up.delivery_id, attempt=0),
        source="pixelmill/aggregator",
        now=datetime.now(UTC),
    )
    headers = (*fresh.headers, (REPLAYED_FROM, str(letter.trigger).encode()))
    await place.producer.append(WEBHOOKS_RETRY[0], Encoded(fresh.key, fresh.value, headers))


async def _is_delivered(place: Place, event: RequestCompleted) -> bool:
    (delivery,) = await place.deliveries(event)
    return bool(delivery["state"] == "delivered")
