"""One attempt: what is sent, and what is told of it."""

import asyncio
import json
import logging
from collections.abc import Mapping
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from standardwebhooks import Webhook

from services.notifier.courier import Answer, Courier
from services.notifier.domain.delivery import Attempt, AttemptError, delivery_owed
from services.notifier.domain.progress import Tried
from shared.errors import DependencyAway, Permanent, Transient
from shared.events import rfc3339
from shared.process import run_roles
from shared.suspension import GAP_SECONDS, Wakefulness
from tests.unit.notifier.fakes import (
    NOON,
    REQUEST,
    SECRET_TEXT,
    URL,
    CalmProcess,
    Clock,
    Receiver,
    completed,
)
from tests.unit.notifier.memory import clearance
from tests.waiting import until


class Watch:
    """Goes on by itself, almost a gap with each beat."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += GAP_SECONDS
        return self.now


class Desk:
    """A courier among fakes, with one delivery owed."""

    def __init__(self, *script: Answer | Exception, stood_still: bool = False) -> None:
        self.now = NOON
        self.receiver = Receiver(list(script))
        self.courier = Courier(
            self.receiver, clearance(), CalmProcess(stood_still), now=lambda: self.now, seconds=Clock().seconds
        )

    async def attempt(self) -> Tried:
        return await self.courier.attempt(delivery_owed(completed(), URL), trigger="requests.completed.v1/1/7")


@pytest.mark.checklist("N15")
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


@pytest.mark.checklist("N1", "N2")
async def test_the_bytes_sent_are_the_bytes_signed() -> None:
    desk = Desk()
    await desk.attempt()
    posted = desk.receiver.posted[0]
    verifier = Webhook(SECRET_TEXT)
    expected = verifier.sign(posted.headers["webhook-id"], NOON, posted.body.decode())
    assert posted.headers["webhook-signature"] == expected
    assert posted.headers["content-type"] == "application/json"


@pytest.mark.checklist("N2")
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


@pytest.mark.checklist("N6")
@pytest.mark.parametrize("status", [200, 202, 204, 299])
async def test_every_2xx_is_a_success(status: int) -> None:
    tried = await Desk(Answer(status, b"thanks")).attempt()
    assert tried.attempt == Attempt(NOON, "requests.completed.v1/1/7", 250, status, "thanks", None)
    assert tried.attempt.succeeded


@pytest.mark.checklist("N6")
@pytest.mark.parametrize("status", [199, 301, 302, 400, 410, 429, 500, 503])
async def test_nothing_but_2xx_is_a_success(status: int) -> None:
    attempt = (await Desk(Answer(status, b"no")).attempt()).attempt
    assert not attempt.succeeded
    assert attempt.status == status
    assert attempt.error is not None
    assert attempt.error.code == f"http_{status}"


@pytest.mark.parametrize("error", [Transient("timeout", "too slow"), Permanent("blocked_address", "not public")])
async def test_a_failure_without_an_answer_is_told_with_its_code(error: Permanent | Transient) -> None:
    attempt = (await Desk(error).attempt()).attempt
    assert (attempt.status, attempt.response) == (None, None)
    assert attempt.error == AttemptError(error.code, error.message)


@pytest.mark.checklist("N8")
@pytest.mark.parametrize(("status", "is_wish"), [(429, True), (503, True), (500, False), (200, False)])
async def test_only_a_busy_receiver_can_ask_to_be_left_alone(status: int, is_wish: bool) -> None:
    tried = await Desk(Answer(status, b"", retry_after_seconds=60)).attempt()
    assert tried.wish == (timedelta(minutes=1) if is_wish else None)
    assert tried.counts is not is_wish


@pytest.mark.checklist("N8")
async def test_without_a_time_to_wait_a_busy_receiver_is_an_ordinary_failure() -> None:
    assert (await Desk(Answer(503, b"")).attempt()).counts


async def test_an_attempt_that_found_no_connection_free_counts_for_nothing_and_neither_failed_nor_succeeded() -> None:
    before = [counted(outcome) for outcome in ("failed", "succeeded", "not_posted")]
    tried = await Desk(Transient("no_place", "full", defers=True)).attempt()
    assert (tried.counts, tried.was_posted) == (False, False)
    after = [counted(outcome) for outcome in ("failed", "succeeded", "not_posted")]
    assert after == [before[0], before[1], before[2] + 1]


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("pixelmill_webhook_attempts_total", {"outcome": outcome}) or 0.0


async def test_a_failure_of_a_process_that_stood_still_says_nothing_about_the_receiver_but_its_answer_does() -> None:
    assert not (await Desk(Transient("timeout", "too slow"), stood_still=True).attempt()).counts
    assert (await Desk(Answer(500, b""), stood_still=True).attempt()).counts


async def test_a_failure_counts_that_comes_while_the_process_drains() -> None:
    watch = Watch()

    class SlowReceiver:
        async def post(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
            begun = watch.now
            await until(lambda: watch.now - begun > 2 * GAP_SECONDS, what="the attempt takes longer than a gap")
            raise Transient("timeout", "too slow")

    wakefulness = Wakefulness(watch)
    courier = Courier(SlowReceiver(), clearance(), wakefulness)
    tried: list[Tried] = []

    async def consumer(stop: asyncio.Event) -> None:
        assert stop.is_set()
        tried.append(await courier.attempt(delivery_owed(completed(), URL), trigger="requests.completed.v1/1/7"))

    stop = asyncio.Event()
    stop.set()
    async with wakefulness.beating():
        await run_roles(stop, consumer)
    assert tried[0].counts


@pytest.mark.checklist("N10", "N11")
async def test_of_an_answer_the_first_kilobyte_is_kept_as_text_that_postgres_can_hold() -> None:
    attempt = (await Desk(Answer(200, b"\xff\x00" + b"a" * 5000)).attempt()).attempt
    assert attempt.response == "\N{REPLACEMENT CHARACTER}" * 2 + "a" * 1022


async def test_a_part_of_our_own_that_is_away_is_no_attempt() -> None:
    with pytest.raises(DependencyAway):
        await Desk(DependencyAway("network", "no route")).attempt()


@pytest.mark.checklist("N11")
async def test_an_attempt_is_logged_with_its_host_and_outcome_and_without_the_rest_of_the_url(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    await Desk(Answer(500, b"down")).attempt()
    (said,) = [vars(record) for record in caplog.records if record.message == "callback attempted"]
    assert (said["host"], said["status"], said["code"], said["duration_ms"]) == ("shop.example", 500, "http_500", 250)
    assert (said["trigger"], said["request_id"]) == ("requests.completed.v1/1/7", REQUEST)
    assert "token" not in str(said)
