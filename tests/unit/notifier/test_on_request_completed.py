"""What the end of a request sets off."""

from datetime import timedelta

import pytest

from services.notifier.courier import Answer, Courier
from services.notifier.domain.delivery import Delivery, delivery_id
from services.notifier.domain.schedule import Schedule
from services.notifier.on_request_completed import OnRequestCompleted
from services.notifier.steps import Steps
from tests.unit.notifier.fakes import (
    NOON,
    REQUEST,
    URL,
    CalmProcess,
    KnownCallbacks,
    LaterInMemory,
    Receiver,
    places,
    received,
)
from tests.unit.notifier.memory import DeliveriesInMemory, clearance

NAME = delivery_id(REQUEST, URL)
ENDPOINT = "https://shop.example:443"


class Notifier:
    """The handler among fakes."""

    def __init__(self, callbacks: KnownCallbacks | None = None, *script: Answer | Exception) -> None:
        self.deliveries = DeliveriesInMemory()
        self.receiver = Receiver(list(script))
        self.later = LaterInMemory()
        courier = Courier(self.receiver, clearance(self.deliveries.endpoints), CalmProcess())
        self.places = places(per_endpoint=1)
        steps = Steps(
            courier,
            self.deliveries,
            self.places,
            self.later,
            schedule=Schedule(),
            now=lambda: NOON,
            chance=lambda: 0.0,
        )
        self.handle = OnRequestCompleted(callbacks or KnownCallbacks(), steps)

    @property
    def triggers(self) -> list[str]:
        return [one.attempt.trigger for one in self.deliveries.attempts.get(NAME, [])]


async def test_the_callback_url_is_told_once_and_the_attempt_names_the_event_that_caused_it() -> None:
    notifier = Notifier()
    await notifier.handle(received(offset=7))
    assert [posted.url for posted in notifier.receiver.posted] == [URL]
    assert notifier.triggers == ["requests.completed.v1/1/7"]
    assert notifier.deliveries.kept[NAME].progress.state == "delivered"
    assert notifier.later.scheduled == []


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


async def test_a_first_attempt_that_failed_is_followed_by_the_next_after_five_seconds() -> None:
    notifier = Notifier(None, Answer(500, b""))
    await notifier.handle(received())
    (scheduled,) = notifier.later.scheduled
    assert (scheduled.event.delivery_id, scheduled.event.attempt, scheduled.event.deferral) == (NAME, 1, 0)
    assert (scheduled.made, scheduled.after, scheduled.reason) == (1, timedelta(seconds=5), "http_500")
    assert notifier.deliveries.kept[NAME].progress.next_attempt_at == NOON + timedelta(seconds=5)


async def test_the_same_event_twice_schedules_the_next_again_and_posts_nothing() -> None:
    notifier = Notifier(None, Answer(500, b""))
    await notifier.handle(received())
    await notifier.handle(received())
    first, second = notifier.later.scheduled
    assert (first.event, first.made, first.after) == (second.event, second.made, second.after)
    assert len(notifier.receiver.posted) == 1


async def test_a_duplicate_at_another_offset_does_nothing() -> None:
    notifier = Notifier(None, Answer(500, b""))
    await notifier.handle(received(offset=7))
    await notifier.handle(received(offset=8))
    assert len(notifier.later.scheduled) == len(notifier.receiver.posted) == 1


@pytest.mark.parametrize("was_prompt", [True, False], ids=["no place in time", "no room to wait"])
async def test_an_endpoint_with_its_hands_full_is_left_alone_and_no_attempt_is_counted(was_prompt: bool) -> None:
    notifier = Notifier()
    notifier.places.learn(ENDPOINT, was_prompt=was_prompt)
    async with notifier.places.one(ENDPOINT) as has_place:
        assert has_place
        await notifier.handle(received())
    await notifier.handle(received(offset=8))
    (scheduled,) = notifier.later.scheduled
    assert (scheduled.event.attempt, scheduled.event.deferral, scheduled.made) == (0, 1, 0)
    assert scheduled.after == timedelta(seconds=5)
    assert (notifier.receiver.posted, notifier.triggers) == ([], [])


@pytest.mark.checklist("N7")
@pytest.mark.parametrize("answer", [Answer(410, b"")])
async def test_who_says_that_it_is_gone_is_given_up_at_once(answer: Answer) -> None:
    notifier = Notifier(None, answer)
    await notifier.handle(received())
    ((letter, code),) = notifier.later.given_up
    assert (letter.delivery_id, letter.attempt, code) == (NAME, 1, "http_410")
    assert notifier.deliveries.kept[NAME].progress.state == "failed"


def test_the_host_alone_shows_and_a_url_without_one_does_no_harm() -> None:
    assert _delivery("https://user.example:444/secret").host == "user.example"
    assert _delivery("http://[broken").host == ""


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://Shop.example/a?b", "https://shop.example:443"),
        ("https://shop.example:443/c", "https://shop.example:443"),
        ("https://shop.example./d", "https://shop.example:443"),
        ("http://shop.example/a", "http://shop.example:80"),
        ("http://shop.example:8080/a", "http://shop.example:8080"),
        ("http://[broken", ""),
        ("http://shop.example:99999/", ""),
    ],
)
def test_an_endpoint_is_scheme_host_and_port(url: str, endpoint: str) -> None:
    assert _delivery(url).endpoint == endpoint


def _delivery(url: str) -> Delivery:
    return Delivery(delivery_id(REQUEST, url), REQUEST, received().event.owner, "t", url, "{}")
