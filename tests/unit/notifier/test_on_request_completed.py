"""What the end of a request sets off."""

import pytest

from services.notifier.courier import Answer, Courier
from services.notifier.domain.delivery import Attempt, Delivery, DeliveryId, DeliveryState, delivery_id
from services.notifier.on_request_completed import OnRequestCompleted
from tests.unit.notifier.fakes import (
    REQUEST,
    SECRET,
    URL,
    DeliveriesInMemory,
    KnownCallbacks,
    Receiver,
    received,
)


class Notifier:
    """The handler among fakes."""

    def __init__(self, callbacks: KnownCallbacks | None = None, *script: Answer | Exception) -> None:
        self.deliveries = DeliveriesInMemory()
        self.receiver = Receiver(list(script))
        courier = Courier(self.receiver, self.deliveries, SECRET)
        self.handle = OnRequestCompleted(callbacks or KnownCallbacks(), self.deliveries, courier)


async def test_the_callback_url_is_told_once_and_the_attempt_names_the_event_that_caused_it() -> None:
    notifier = Notifier()
    await notifier.handle(received(offset=7))
    assert [posted.url for posted in notifier.receiver.posted] == [URL]
    (attempt,) = notifier.deliveries.attempts[delivery_id(REQUEST, URL)]
    assert attempt.trigger == "requests.completed.v1/1/7"


@pytest.mark.parametrize("callbacks", [KnownCallbacks({REQUEST: None}), KnownCallbacks({})], ids=["none", "deleted"])
async def test_without_a_callback_url_nothing_is_owed(callbacks: KnownCallbacks) -> None:
    notifier = Notifier(callbacks)
    await notifier.handle(received())
    assert notifier.deliveries.kept == {}
    assert notifier.receiver.posted == []


async def test_an_event_that_comes_twice_posts_once() -> None:
    notifier = Notifier()
    await notifier.handle(received())
    await notifier.handle(received())
    assert len(notifier.receiver.posted) == 1


async def test_a_failed_attempt_leaves_a_visible_state_and_is_not_repeated_by_the_same_event_twice() -> None:
    notifier = Notifier(None, Answer(500, b""))
    await notifier.handle(received())
    await notifier.handle(received())
    assert len(notifier.receiver.posted) == 1
    (delivery,) = notifier.deliveries.kept.values()
    assert delivery.state == "failed"


class CrashesOnce(DeliveriesInMemory):
    """The process dies after the post, before the record is kept."""

    crashed = False

    async def record(self, delivery_id: DeliveryId, attempt: Attempt) -> DeliveryState:
        if not self.crashed:
            self.crashed = True
            raise RuntimeError("killed")
        return await super().record(delivery_id, attempt)


async def test_a_crash_between_post_and_record_repeats_with_the_same_webhook_id() -> None:
    notifier = Notifier()
    deliveries = CrashesOnce()
    handle = OnRequestCompleted(KnownCallbacks(), deliveries, Courier(notifier.receiver, deliveries, SECRET))
    with pytest.raises(RuntimeError):
        await handle(received())
    await handle(received())
    first, second = notifier.receiver.posted
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


def test_the_host_alone_shows_and_a_url_without_one_does_no_harm() -> None:
    assert _delivery("https://user.example:444/secret").host == "user.example"
    assert _delivery("http://[broken").host == ""


def _delivery(url: str) -> Delivery:
    return Delivery(delivery_id(REQUEST, url), REQUEST, received().event.owner, "t", url, "{}")
