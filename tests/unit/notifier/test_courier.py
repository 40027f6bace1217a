"""One attempt: what is sent, and what is recorded of it."""

import json
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from services.notifier.courier import Answer, Courier
from services.notifier.domain.delivery import Attempt, AttemptError, Delivery, delivery_owed
from shared.errors import DependencyAway, Permanent, Transient
from shared.events import rfc3339
from tests.unit.notifier.fakes import (
    NOON,
    SECRET,
    SECRET_TEXT,
    URL,
    Clock,
    DeliveriesInMemory,
    Receiver,
    completed,
)


class Desk:
    """A courier among fakes, with one delivery owed."""

    def __init__(self, *script: Answer | Exception) -> None:
        self.now = NOON
        self.receiver = Receiver(list(script))
        self.book = DeliveriesInMemory()
        self.courier = Courier(self.receiver, self.book, SECRET, now=lambda: self.now, seconds=Clock().seconds)

    async def attempt(self) -> tuple[Delivery, Attempt]:
        delivery = await self.book.owe(delivery_owed(completed(), URL))
        await self.courier.attempt(delivery, trigger="requests.completed.v1/1/7")
        return self.book.kept[delivery.delivery_id], self.book.attempts[delivery.delivery_id][-1]


async def test_the_body_holds_the_completion_event_and_its_moment() -> None:
    desk = Desk()
    await desk.attempt()
    body = json.loads(desk.receiver.posted[0].body)
    assert body == {
        "type": "request.completed",
        "timestamp": rfc3339(NOON),
        "data": completed().model_dump(mode="json"),
    }
    assert body["data"]["bytes"] == {"in": 1000, "out": 250, "saved_percent": 75.0}


async def test_the_bytes_sent_are_the_bytes_signed() -> None:
    desk = Desk()
    await desk.attempt()
    posted = desk.receiver.posted[0]
    verifier = Webhook(SECRET_TEXT)
    expected = verifier.sign(posted.headers["webhook-id"], NOON, posted.body.decode())
    assert posted.headers["webhook-signature"] == expected
    assert posted.headers["content-type"] == "application/json"


async def test_a_second_attempt_keeps_id_and_body_and_takes_a_fresh_timestamp() -> None:
    desk = Desk(Answer(500, b""))
    await desk.attempt()
    desk.now = NOON + timedelta(seconds=5)
    await desk.attempt()
    first, second = desk.receiver.posted
    assert second.headers["webhook-id"] == first.headers["webhook-id"]
    assert second.body == first.body
    assert int(second.headers["webhook-timestamp"]) == int(first.headers["webhook-timestamp"]) + 5
    assert second.headers["webhook-signature"] != first.headers["webhook-signature"]


@pytest.mark.parametrize("status", [200, 202, 204, 299])
async def test_every_2xx_is_delivered(status: int) -> None:
    delivery, attempt = await Desk(Answer(status, b"thanks")).attempt()
    assert delivery.state == "delivered"
    assert attempt == Attempt(NOON, "requests.completed.v1/1/7", 250, status, "thanks", None)


@pytest.mark.parametrize("status", [199, 301, 302, 400, 410, 429, 500, 503])
async def test_nothing_but_2xx_is_delivered(status: int) -> None:
    delivery, attempt = await Desk(Answer(status, b"no")).attempt()
    assert delivery.state == "failed"
    assert attempt.status == status
    assert attempt.error is not None
    assert attempt.error.code == f"http_{status}"


@pytest.mark.parametrize("error", [Transient("timeout", "too slow"), Permanent("blocked_address", "not public")])
async def test_a_failure_without_an_answer_is_recorded_with_its_code(error: Permanent | Transient) -> None:
    delivery, attempt = await Desk(error).attempt()
    assert delivery.state == "failed"
    assert (attempt.status, attempt.response) == (None, None)
    assert attempt.error == AttemptError(error.code, error.message)


async def test_what_was_delivered_stays_delivered_when_a_later_attempt_fails() -> None:
    desk = Desk(Answer(200, b""), Answer(500, b""))
    await desk.attempt()
    delivery, attempt = await desk.attempt()
    assert delivery.state == "delivered"
    assert not attempt.succeeded


async def test_of_an_answer_the_first_kilobyte_is_kept_as_text_that_postgres_can_hold() -> None:
    _, attempt = await Desk(Answer(200, b"\xff\x00" + b"a" * 5000)).attempt()
    assert attempt.response == "\N{REPLACEMENT CHARACTER}" * 2 + "a" * 1022


async def test_a_part_of_our_own_that_is_away_counts_no_attempt() -> None:
    desk = Desk(DependencyAway("network", "no route"))
    with pytest.raises(DependencyAway):
        await desk.attempt()
    assert desk.book.attempts == {}
