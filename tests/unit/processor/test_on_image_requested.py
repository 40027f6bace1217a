"""The handler: what is fetched, stored and said about one requested image."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.processor.another_try import AnotherTry
from services.processor.domain.host_policy import LeftAlone
from services.processor.on_image_requested import OnImageRequested
from services.processor.suspension import Wakefulness
from shared.errors import DependencyAway, Permanent, Transient
from shared.events import ImageError, ImageProcessed, ImageRequested, rfc3339
from shared.kafka.gathering import Gathering
from shared.kafka.records import Received
from shared.kafka.retry_tiers import NOT_BEFORE
from shared.recipes import Rendition
from shared.topics import IMAGES_PROCESSED
from tests.unit.processor.fakes import (
    REQUEST,
    URL,
    FakeCodec,
    FakeFacts,
    FakeImages,
    FakeSources,
    FakeTiers,
    ManualClock,
    requested,
)

SECOND = 1.0
NOON = datetime(2027, 1, 1, 12, tzinfo=UTC)
PATIENCE = timedelta(hours=1)
TOO_SLOW = Transient("timeout", "Too slow.")


class House:
    """A handler among fakes, whose clock moves a second each time it is read."""

    def __init__(self, answers: Mapping[str, bytes | Permanent | Transient] | None = None) -> None:
        self.sources = FakeSources(answers or {URL: b"cup"})
        self.codec = FakeCodec()
        self.images = FakeImages()
        self.facts = FakeFacts()
        self.tiers = FakeTiers()
        self.now = NOON
        self.clock = ManualClock()
        clock = itertools.count(0.0, SECOND)
        self.handler = OnImageRequested(
            self.sources,
            self.codec,
            self.images,
            self.facts,
            later_tries=AnotherTry(self.tiers, self.facts, patience=PATIENCE, now=lambda: self.now),
            wakefulness=Wakefulness(self.clock),
            storing=Gathering(),
            clock=lambda: next(clock),
        )

    async def handle(self, received: Received[ImageRequested]) -> None:
        tell = await self.handler(received)
        await tell()

    async def result(self, received: Received[ImageRequested]) -> ImageProcessed:
        await self.handle(received)
        topic, event = self.facts.published[-1]
        assert topic is IMAGES_PROCESSED
        return event


async def test_a_picture_is_stored_and_then_reported_with_its_facts() -> None:
    house = House()
    result = await house.result(requested(3))
    key = f"{REQUEST}/3/compressed.webp"
    assert house.images.stored == {key: (b"compressed of cup", "webp")}
    (rendition,) = result.renditions
    assert (rendition.key, rendition.format, rendition.bytes) == (key, "webp", len(b"compressed of cup"))
    assert result.source is not None
    assert result.source.bytes == 3
    assert (result.outcome, result.error, result.attempts, result.duration_ms) == ("succeeded", None, 1, 1000)


async def test_what_is_stored_is_told_afterwards_without_holding_memory() -> None:
    house = House()
    tell = await house.handler(requested(3))
    assert len(house.images.stored) == 1
    assert (house.sources.held, house.facts.published) == (0, [])
    await tell()
    await tell()
    assert len({event.model_dump_json() for _, event in house.facts.published}) == 1
    assert (house.sources.fetches, house.codec.runs) == (1, 1)


@pytest.mark.checklist("P20")
async def test_one_object_serves_every_index_with_the_same_url() -> None:
    house = House()
    result = await house.result(requested(4, 7, 9))
    assert result.indexes == (4, 7, 9)
    assert list(house.images.stored) == [f"{REQUEST}/4/compressed.webp"]
    assert house.codec.runs == 1


async def test_every_rendition_of_the_recipe_is_stored() -> None:
    house = House()
    result = await house.result(
        requested(0, renditions=(Rendition(name="compressed"), Rendition(name="small", width=9)))
    )
    assert [rendition.name for rendition in result.renditions] == ["compressed", "small"]
    assert list(house.images.stored) == [f"{REQUEST}/0/compressed.webp", f"{REQUEST}/0/small.webp"]


@pytest.mark.checklist("P21")
async def test_a_source_that_will_never_work_is_a_failed_result_at_once() -> None:
    house = House({URL: Permanent("http_404", "The server answered with status 404.")})
    result = await house.result(requested(2))
    assert (result.outcome, result.attempts) == ("failed", 1)
    assert result.error == ImageError(code="http_404", message="The server answered with status 404.")
    assert (result.source, result.renditions, house.images.stored) == (None, (), {})
    assert house.tiers.steps == []


@pytest.mark.checklist("P21")
@pytest.mark.parametrize(("made", "seconds"), [(0, 1), (1, 2), (2, 4)])
async def test_a_source_that_has_trouble_is_tried_again_later_and_says_nothing_yet(made: int, seconds: int) -> None:
    house = House({URL: TOO_SLOW})
    await house.handle(requested(attempts_made=made, first_failed_at=NOON))
    assert house.tiers.steps == [("retry", "timeout", timedelta(seconds=seconds))]
    assert house.facts.published == []


@pytest.mark.checklist("P21")
async def test_the_fourth_failure_is_the_last_a_dead_letter_and_a_failed_result() -> None:
    house = House({URL: TOO_SLOW})
    result = await house.result(requested(attempts_made=3, first_failed_at=NOON))
    assert house.tiers.steps == [("give up", "timeout", timedelta(0))]
    assert (result.outcome, result.attempts) == ("failed", 4)
    assert result.error == ImageError(code="timeout", message="Too slow.")


async def test_an_image_that_is_given_up_twice_says_the_same_twice() -> None:
    house = House({URL: TOO_SLOW})
    last = requested(attempts_made=3, first_failed_at=NOON)
    first = await house.result(last)
    assert await house.result(last) == first
    assert [step for step, *_ in house.tiers.steps] == ["give up", "give up"]


async def test_a_success_after_failures_tells_how_many_attempts_it_took() -> None:
    house = House()
    result = await house.result(requested(attempts_made=2, first_failed_at=NOON))
    assert (result.outcome, result.attempts) == ("succeeded", 3)


@pytest.mark.checklist("P21")
async def test_a_source_that_wants_to_be_left_alone_is_while_patience_lasts() -> None:
    busy = Transient("http_429", "Busy.", retry_after_seconds=90, defers=True)
    house = House({URL: busy})
    await house.handle(requested())
    await house.handle(requested(attempts_made=3, first_failed_at=NOON - PATIENCE + timedelta(seconds=7)))
    assert house.tiers.steps == [
        ("defer", "http_429", timedelta(seconds=90)),
        ("defer", "http_429", timedelta(seconds=7)),
    ]
    assert house.facts.published == []


async def test_one_that_nobody_tried_in_time_is_deferred_once_more_while_its_host_is_left_alone() -> None:
    house = House({URL: LeftAlone("http_429", "Left alone.", seconds=20)})
    late = requested(attempts_made=1, first_failed_at=NOON - 2 * PATIENCE)
    due = {NOT_BEFORE: rfc3339(NOON - 2 * PATIENCE + timedelta(seconds=90))}
    await house.handle(replace(late, headers={**late.headers, **due}))
    assert house.tiers.steps == [("defer", "http_429", timedelta(seconds=20))]
    due = {NOT_BEFORE: rfc3339(NOON)}
    await house.handle(replace(late, headers={**late.headers, **due}))
    assert [step for step, *_ in house.tiers.steps] == ["defer", "give up"]


@pytest.mark.parametrize("due", ["soon", "", "2027-01-01T12:00:00"])
async def test_a_record_that_does_not_say_when_it_was_due_is_deferred_all_the_same(due: str) -> None:
    house = House({URL: LeftAlone("http_429", "Left alone.", seconds=20)})
    late = requested(attempts_made=1, first_failed_at=NOON - 2 * PATIENCE)
    await house.handle(replace(late, headers={**late.headers, NOT_BEFORE: due}))
    assert [step for step, *_ in house.tiers.steps] == ["defer"]


async def test_patience_ends_in_a_dead_letter_and_a_result_with_the_attempts_that_were_made() -> None:
    house = House({URL: Transient("http_429", "Busy.", defers=True)})
    result = await house.result(requested(attempts_made=1, first_failed_at=NOON - PATIENCE))
    assert house.tiers.steps == [("give up", "http_429", timedelta(0))]
    assert (result.outcome, result.attempts) == ("failed", 1)


@pytest.mark.checklist("P21")
async def test_what_becomes_of_an_image_is_decided_when_it_fails_however_late_it_is_told() -> None:
    house = House({URL: Transient("http_429", "Busy.", retry_after_seconds=90, defers=True)})
    tell = await house.handler(requested(attempts_made=1, first_failed_at=NOON - timedelta(minutes=50)))
    await tell()
    house.now += timedelta(minutes=15)
    await tell()
    assert house.tiers.steps == [("defer", "http_429", timedelta(seconds=90))] * 2
    assert house.tiers.failed_at == [NOON, NOON]
    assert house.facts.published == []


async def test_a_codec_that_was_late_while_the_processor_stood_still_is_nobodys_result() -> None:
    house = House()
    house.codec.error = Permanent("codec_timeout", "Too long.")
    house.codec.meanwhile = lambda: setattr(house.clock, "now", 60.0)
    with pytest.raises(DependencyAway):
        await house.handle(requested())
    assert house.facts.published == []


@pytest.mark.checklist("P21")
async def test_a_picture_that_the_codec_refuses_is_a_failed_result() -> None:
    house = House()
    house.codec.error = Permanent("corrupt_image", "The picture is damaged.")
    result = await house.result(requested())
    assert result.error == ImageError(code="corrupt_image", message="The picture is damaged.")


async def test_a_code_outside_the_closed_list_becomes_an_internal_error() -> None:
    house = House({URL: Permanent("no_such_code", "?")})
    result = await house.result(requested())
    assert result.error is not None
    assert result.error.code == "internal_error"


async def test_a_part_of_our_own_that_is_away_is_nobodys_result() -> None:
    house = House()
    house.images.is_away = True
    with pytest.raises(DependencyAway):
        await house.handle(requested())
    house.images.is_away = False
    house.codec.error = DependencyAway("codec", "broken")
    with pytest.raises(DependencyAway):
        await house.handle(requested())
    assert house.facts.published == []


@pytest.mark.checklist("P20")
async def test_a_request_twice_stores_the_same_object_and_says_the_same() -> None:
    house = House()
    first = await house.result(requested(1, 2))
    stored = dict(house.images.stored)
    assert await house.result(requested(1, 2)) == first
    assert house.images.stored == stored


async def test_memory_is_given_back_whatever_happens() -> None:
    house = House()
    await house.handle(requested())
    assert house.sources.held == 0
    house.images.is_away = True
    with pytest.raises(DependencyAway):
        await house.handle(requested())
    assert house.sources.held == 0
