"""What a retry does whose time has come, and when it does nothing."""

from datetime import datetime, timedelta

import pytest

from services.notifier.by_hand import ByHand
from services.notifier.courier import Answer, Courier
from services.notifier.domain.delivery import delivery_id, delivery_owed
from services.notifier.domain.progress import owed_since
from services.notifier.domain.schedule import STANDARD_DELAYS, Schedule
from services.notifier.on_delivery_due import OnDeliveryDue
from services.notifier.steps import Steps
from shared.errors import Permanent, Transient
from shared.events import DeliveryDue
from shared.ids import LOCAL_OWNER
from shared.kafka.dead_letters import REPLAYED_FROM
from shared.kafka.records import Received, Trigger
from tests.unit.notifier.fakes import (
    NOON,
    REQUEST,
    URL,
    CalmProcess,
    LaterInMemory,
    Receiver,
    completed,
    places,
)
from tests.unit.notifier.memory import DeliveriesInMemory, clearance

NAME = delivery_id(REQUEST, URL)
DOWN = Answer(500, b"")


class Notifier:
    """The handler among fakes, with one delivery owed. Every record that is not said to be another is a fresh one."""

    def __init__(self, *script: Answer | Exception) -> None:
        self.now: datetime = NOON
        self.process = CalmProcess()
        self.receiver = Receiver(list(script))
        self.deliveries = DeliveriesInMemory(now=lambda: self.now)
        self.later = LaterInMemory()
        self.courier = Courier(self.receiver, clearance(self.deliveries.endpoints), self.process, now=lambda: self.now)
        steps = Steps(
            self.courier,
            self.deliveries,
            places(),
            self.later,
            schedule=Schedule(),
            now=lambda: self.now,
            chance=lambda: 0.0,
        )
        self.handle = OnDeliveryDue(self.deliveries, steps)
        self._offset = 0

    async def owe(self) -> "Notifier":
        await self.deliveries.owe(owed_since(delivery_owed(completed(), URL), NOON))
        return self

    async def due(self, attempt: int, deferral: int = 0, *, offset: int | None = None, replayed: bool = False) -> None:
        self._offset += 1
        event = DeliveryDue(request_id=REQUEST, owner=LOCAL_OWNER, delivery_id=NAME, attempt=attempt, deferral=deferral)
        trigger = Trigger("webhooks.retry.5s.v1", 0, 100 + self._offset if offset is None else offset)
        headers = {REPLAYED_FROM: "webhooks.dlt.v1/0/3"} if replayed else {}
        await self.handle(Received(event, trigger, headers))

    @property
    def progress(self) -> tuple[str, int, int]:
        progress = self.deliveries.kept[NAME].progress
        return progress.state, progress.attempts, progress.deferrals

    @property
    def waits(self) -> list[timedelta]:
        return [scheduled.after for scheduled in self.later.scheduled]


async def test_a_delivery_that_is_gone_is_no_business_of_anybody() -> None:
    notifier = Notifier()
    await notifier.due(0)
    await notifier.due(0, replayed=True)
    assert (notifier.receiver.posted, notifier.later.scheduled, notifier.deliveries.attempts) == ([], [], {})


@pytest.mark.checklist("N12")
async def test_each_attempt_that_fails_schedules_the_next_one_and_the_last_one_none() -> None:
    notifier = await Notifier(*[DOWN] * 10).owe()
    for attempt in range(10):
        await notifier.due(attempt)
    assert notifier.waits == list(STANDARD_DELAYS)
    assert notifier.progress == ("failed", 10, 0)
    ((letter, code),) = notifier.later.given_up
    assert (letter.attempt, code) == (10, "http_500")


@pytest.mark.parametrize(("attempt", "deferral"), [(0, 0), (2, 0), (1, 1)])
async def test_a_record_that_is_out_of_date_does_nothing(attempt: int, deferral: int) -> None:
    notifier = await Notifier(DOWN).owe()
    await notifier.due(0)
    await notifier.due(attempt, deferral)
    assert len(notifier.receiver.posted) == len(notifier.later.scheduled) == 1


async def test_the_record_that_made_the_last_attempt_schedules_the_next_again_and_posts_nothing() -> None:
    notifier = await Notifier(DOWN).owe()
    await notifier.due(0, offset=5)
    notifier.now += timedelta(seconds=2)
    await notifier.due(0, offset=5)
    assert len(notifier.receiver.posted) == 1
    assert [(one.event.attempt, one.after.total_seconds()) for one in notifier.later.scheduled] == [(1, 5), (1, 3)]


async def test_the_record_that_made_the_very_last_attempt_gives_up_again() -> None:
    notifier = await Notifier(*[DOWN] * 10).owe()
    for attempt in range(10):
        await notifier.due(attempt, offset=attempt)
    await notifier.due(9, offset=9)
    assert len(notifier.later.given_up) == 2
    assert len(notifier.receiver.posted) == 10


@pytest.mark.checklist("N12")
async def test_an_attempt_by_hand_that_succeeds_settles_it_and_the_scheduled_one_then_does_nothing() -> None:
    notifier = await Notifier(DOWN).owe()
    await notifier.due(0)
    await ByHand(notifier.courier, notifier.deliveries).deliver(notifier.deliveries.kept[NAME].delivery)
    await notifier.due(1)
    assert notifier.progress[0] == "delivered"
    assert [one.attempt.trigger.split("/")[0] for one in notifier.deliveries.attempts[NAME]] == [
        "webhooks.retry.5s.v1",
        "manual",
    ]


async def test_an_attempt_by_hand_that_fails_does_not_count() -> None:
    notifier = await Notifier(DOWN, DOWN, DOWN).owe()
    await notifier.due(0)
    await ByHand(notifier.courier, notifier.deliveries).deliver(notifier.deliveries.kept[NAME].delivery)
    assert notifier.progress == ("pending", 1, 0)
    await notifier.due(1)
    assert notifier.progress == ("pending", 2, 0)
    assert notifier.waits == list(STANDARD_DELAYS[:2])


@pytest.mark.checklist("N8")
async def test_who_asks_to_be_left_alone_is_and_no_attempt_is_counted() -> None:
    notifier = await Notifier(Answer(429, b"", 90.0), Answer(503, b"", 10_000_000.0)).owe()
    await notifier.due(0)
    await notifier.due(0, 1)
    assert notifier.waits == [timedelta(seconds=90), timedelta(hours=24)]
    assert notifier.progress == ("pending", 0, 2)
    assert len(notifier.deliveries.attempts[NAME]) == 2


@pytest.mark.checklist("N8")
async def test_who_always_asks_for_a_moment_is_asked_less_and_less_often_and_comes_to_an_end() -> None:
    notifier = await Notifier(*[Answer(503, b"", 1.0)] * 1000).owe()
    while notifier.progress[0] == "pending":
        progress = notifier.deliveries.kept[NAME].progress
        await notifier.due(progress.attempts, progress.deferrals)
        if notifier.waits:
            notifier.now += notifier.waits[-1]
    assert notifier.waits[:4] == [timedelta(seconds=seconds) for seconds in (5, 10, 20, 40)]
    assert len(notifier.receiver.posted) < 400
    assert len(notifier.later.given_up) == 1


async def test_a_process_that_was_stopped_meanwhile_blames_nobody_even_at_the_last_attempt() -> None:
    notifier = await Notifier(*[DOWN] * 9, Transient("timeout", "too slow")).owe()
    for attempt in range(9):
        await notifier.due(attempt)
    notifier.process.stood_still = True
    await notifier.due(9)
    assert notifier.progress == ("pending", 9, 1)
    notifier.process.stood_still = False
    await notifier.due(9, 1)
    assert notifier.progress[0] == "delivered"


@pytest.mark.checklist("N12")
async def test_a_replay_begins_the_schedule_of_a_failed_delivery_anew_and_keeps_its_attempts() -> None:
    notifier = await Notifier(*[DOWN] * 11).owe()
    for attempt in range(10):
        await notifier.due(attempt)
    notifier.now += timedelta(days=30)
    await notifier.due(0, replayed=True, offset=7)
    await notifier.due(0, replayed=True, offset=7)
    assert notifier.progress == ("pending", 1, 0)
    assert notifier.waits[-2:] == [timedelta(seconds=5)] * 2
    assert len(notifier.deliveries.attempts[NAME]) == 11
    assert notifier.deliveries.kept[NAME].progress.began_at == notifier.now


async def test_a_replay_twice_of_the_same_record_restarts_once_even_when_it_failed_again() -> None:
    notifier = await Notifier(*[Permanent("blocked_address", "not public")] * 2).owe()
    await notifier.due(0)
    await notifier.due(0, replayed=True, offset=7)
    await notifier.due(0, replayed=True, offset=7)
    assert len(notifier.receiver.posted) == 2
    assert notifier.progress[0] == "failed"


async def test_a_replay_of_what_was_not_given_up_does_nothing() -> None:
    notifier = await Notifier(DOWN).owe()
    await notifier.due(0)
    await notifier.due(0, replayed=True)
    await notifier.due(1)
    await notifier.due(0, replayed=True)
    assert notifier.progress[0] == "delivered"
    assert len(notifier.receiver.posted) == 2


@pytest.mark.checklist("N8")
async def test_nobody_hurries_the_schedule_by_asking_to_wait() -> None:
    notifier = await Notifier(DOWN, DOWN, Answer(503, b"", 1.0)).owe()
    for attempt in range(3):
        await notifier.due(attempt)
    assert notifier.waits == list(STANDARD_DELAYS[:3])
    assert notifier.progress == ("pending", 2, 1)


@pytest.mark.checklist("N11")
async def test_an_attempt_is_listed_with_when_the_next_one_was_due_after_it() -> None:
    notifier = await Notifier(DOWN).owe()
    await notifier.due(0)
    notifier.now += timedelta(seconds=5)
    await notifier.due(1)
    listed = [(one.n, one.next_attempt_at) for one in notifier.deliveries.attempts[NAME]]
    assert listed == [(1, NOON + timedelta(seconds=5)), (2, None)]
