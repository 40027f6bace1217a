"""Headers, tiers and hops of what is tried again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.errors import Transient
from shared.events import ImageRequested
from shared.kafka.cloudevents import decode
from shared.kafka.memory import MemoryBroker, MemoryFacts
from shared.kafka.records import Received, Record
from shared.kafka.retry_tiers import RetryTiers, Tries, tries_of
from shared.topics import IMAGES_DLT, IMAGES_REQUESTED_BULK, IMAGES_RETRY
from tests.image_events import image_requested

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAILURE = Transient("http_5xx", "The server answered with status 500.")


class Bench:
    """Tiers on a broker in memory whose time a test moves."""

    def __init__(self) -> None:
        self.time = NOON
        self.broker = MemoryBroker(partitions=1, now=lambda: self.time)
        self.facts = MemoryFacts(self.broker)
        self.tiers = RetryTiers(IMAGES_RETRY, IMAGES_DLT, self.facts, source="pixelmill/test", now=lambda: self.time)

    async def requested(self) -> Received[ImageRequested]:
        event = image_requested()
        await self.facts.publish(IMAGES_REQUESTED_BULK, event)
        return self.read(self.broker.records(IMAGES_REQUESTED_BULK.name)[-1])

    def read(self, record: Record) -> Received[ImageRequested]:
        received = decode(record, [ImageRequested])
        assert isinstance(received.event, ImageRequested)
        return Received(received.event, received.trigger, received.headers, received.record)

    def in_tiers(self) -> dict[str, list[Record]]:
        found = {tier.name.split(".")[2]: self.broker.records(tier.name) for tier in IMAGES_RETRY}
        return {name: records for name, records in found.items() if records}


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_retry_counts_an_attempt_and_remembers_where_it_began(bench: Bench) -> None:
    first = await bench.requested()
    await bench.tiers.retry(first, FAILURE, after=timedelta(seconds=1))
    [record] = bench.in_tiers()["1s"]
    again = bench.read(record)
    assert again.event == first.event
    assert record.key == b"8d3f0b51-5d0c-4f3e-9f5a-0c4b7a1f2e11:0"
    assert again.headers["ce_id"] == first.headers["ce_id"]
    assert {name: again.headers[name] for name in again.headers if not name.startswith("ce_")} == {
        "content-type": "application/json",
        "attempt": "1",
        "not-before": "2026-03-01T12:00:01.000Z",
        "first-failed-at": "2026-03-01T12:00:00.000Z",
        "origin-topic": "images.requested.bulk.v1",
        "origin-partition": "0",
        "origin-offset": "0",
        "error-code": "http_5xx",
        "error-message": "The server answered with status 500.",
    }
    bench.time += timedelta(minutes=1)
    await bench.tiers.retry(again, FAILURE, after=timedelta(seconds=2))
    third = bench.read(bench.in_tiers()["2s"][0])
    assert tries_of(third.headers) == Tries(2, NOON)
    assert tries_of(third.headers).failing_for(bench.time) == timedelta(minutes=1)
    assert third.headers["origin-topic"] == "images.requested.bulk.v1"


async def test_a_deferral_counts_nothing(bench: Bench) -> None:
    await bench.tiers.defer(await bench.requested(), FAILURE, after=timedelta(seconds=30))
    [record] = bench.in_tiers()["30s"]
    assert tries_of(bench.read(record).headers) == Tries(0, NOON)


@pytest.mark.parametrize(
    ("seconds", "tier"),
    [(0, "1s"), (0.4, "1s"), (1, "1s"), (1.9, "1s"), (2, "2s"), (5, "4s"), (30, "30s"), (9e4, "30s")],
)
async def test_a_record_enters_the_largest_tier_that_fits(seconds: float, tier: str, bench: Bench) -> None:
    await bench.tiers.retry(await bench.requested(), FAILURE, after=timedelta(seconds=seconds))
    assert list(bench.in_tiers()) == [tier]


@pytest.mark.parametrize(("late", "tier"), [(0.2, "30s"), (10, "4s"), (29.5, "1s"), (900, "1s")])
async def test_a_step_that_is_taken_late_counts_from_the_failure(late: float, tier: str, bench: Bench) -> None:
    first = await bench.requested()
    bench.time += timedelta(seconds=late)
    await bench.tiers.defer(first, FAILURE, after=timedelta(seconds=30), failed_at=NOON)
    headers = bench.read(bench.in_tiers()[tier][0]).headers
    assert (tries_of(headers).first_failed_at, headers["not-before"]) == (NOON, "2026-03-01T12:00:30.000Z")


async def test_a_wait_of_a_minute_and_a_half_is_three_hops_and_changes_no_byte(bench: Bench) -> None:
    await bench.tiers.defer(await bench.requested(), FAILURE, after=timedelta(seconds=90))
    for _ in range(2):
        bench.time += timedelta(seconds=30)
        assert await bench.tiers.hop(bench.in_tiers()["30s"][-1])
    bench.time += timedelta(seconds=30)
    first, *_, last = bench.in_tiers()["30s"]
    assert not await bench.tiers.hop(last)
    assert len(bench.in_tiers()["30s"]) == 3
    assert (first.key, first.value, first.headers) == (last.key, last.value, last.headers)


async def test_clocks_that_differ_a_little_cause_no_hop(bench: Bench) -> None:
    await bench.tiers.retry(await bench.requested(), FAILURE, after=timedelta(seconds=1))
    bench.time += timedelta(milliseconds=800)
    assert not await bench.tiers.hop(bench.in_tiers()["1s"][0])


@pytest.mark.checklist("P21")
async def test_who_is_given_up_keeps_its_bytes_and_says_why(bench: Bench) -> None:
    first = await bench.requested()
    await bench.tiers.give_up(first, FAILURE, made=1)
    [letter] = bench.broker.records(IMAGES_DLT.name)
    assert first.record is not None
    assert (letter.key, letter.value) == (first.record.key, first.record.value)
    headers = bench.read(letter).headers
    assert (headers["attempt"], headers["error-code"], headers["origin-offset"]) == ("1", "http_5xx", "0")


@pytest.mark.parametrize("value", ["", "soon", "2026-03-01T12:00:00", "9999-03-01T12:00:00Z", "9" * 5000])
async def test_headers_that_say_nothing_sensible_are_no_reason_to_wait(value: str, bench: Bench) -> None:
    record = Record(IMAGES_RETRY[0].name, 0, 0, b"k", b"{}", (("not-before", value.encode()),))
    assert not await bench.tiers.hop(record)
    assert tries_of({"attempt": value, "first-failed-at": "soon"}) == Tries()


async def test_a_header_without_a_value_is_no_reason_to_wait(bench: Bench) -> None:
    headers: Any = (("not-before", None),)
    assert not await bench.tiers.hop(Record(IMAGES_RETRY[0].name, 0, 0, b"k", b"{}", headers))
