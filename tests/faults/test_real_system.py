"""Faults that lie in the parts themselves: all processes on a real Kafka, Postgres and S3."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from signal import SIGCONT, SIGSTOP
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka import TopicPartition

from services.aggregator.adapters.postgres_requests import PostgresRequests
from services.aggregator.domain.completion import Tally
from services.aggregator.request_end import WrittenCsvs
from shared.events import CancelRequested, RequestAssembled
from shared.ids import LOCAL_OWNER, Owner, RequestId
from shared.kafka.cloudevents import Headers, encode
from shared.kafka.records import Record, Trigger
from shared.topics import (
    IMAGES_REQUESTED_BULK,
    IMAGES_REQUESTED_EXPRESS,
    REQUESTS_ASSEMBLED,
    REQUESTS_COMPLETED,
    TOPICS,
    UNDECODABLE_DLT,
    Topic,
)
from tests.faults.house import ROLES, House, house_on
from tests.stack import StackForTests
from tests.waiting import until

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]

# A retry tier sets its records aside when they are due; the longer ones do as the shorter ones.
READ = [topic for topic in TOPICS if not topic.name.endswith(".dlt.v1") and topic.delay <= timedelta(seconds=5)]
RESULTS = "SELECT index, outcome, renditions::text FROM aggregator.results WHERE request_id::text = $1 ORDER BY index"
REQUEST = "SELECT * FROM aggregator.requests WHERE request_id::text = $1"
IMAGES = 13


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(stack: StackForTests) -> AsyncIterator[House]:
    async with house_on(stack) as found:
        yield found


async def standing(house: House, request_id: RequestId) -> list[Any]:
    async with house.place.database.connection() as connection:
        rows = [*await connection.fetch(REQUEST, request_id), *await connection.fetch(RESULTS, request_id)]
    return [tuple(row) for row in rows]


async def released(house: House, request_id: RequestId) -> Counter[bytes | None]:
    """How often each image of a request was asked for."""
    records = [
        record for lane in (IMAGES_REQUESTED_BULK, IMAGES_REQUESTED_EXPRESS) for record in await house.records(lane)
    ]
    return Counter(record.key for record in records if (record.key or b"").startswith(request_id.encode()))


async def completions(house: House, request_id: RequestId) -> int:
    return [record.key for record in await house.records(REQUESTS_COMPLETED)].count(request_id.encode())


def malformed(topic: Topic) -> list[tuple[bytes | None, bytes | None, Headers]]:
    """Records that cannot be events of this topic: key, value and headers."""
    fine = encode(CancelRequested(request_id=RequestId(str(uuid4())), owner=Owner("x"), reason="y"),
                  source="pixelmill/test", now=datetime.now(UTC))  # fmt: skip
    own = tuple((name, topic.events[0].TYPE.encode() if name == "ce_type" else value) for name, value in fine.headers)
    stranger = tuple((name, b"no.such.type" if name == "ce_type" else value) for name, value in fine.headers)
    return [
        (b"garbage", b"\xff\x00{", own),
        (b"a type of elsewhere", fine.value, stranger),
        (b"no headers", fine.value, ()),
        (b"tombstone", None, own),
        (None, b"[]", own),
        (b"header", fine.value, (*own, ("traceparent", b"\xff\xfe"))),
        (b"no uuid", b'{"request_id": "r-1", "owner": "x"}', own),
    ]


async def test_malformed_records_on_every_topic_are_set_aside_whole_and_hold_nobody_up(house: House) -> None:
    written: list[Record] = []
    for topic in READ:
        name = house.place.connection.topic(topic)
        records = [Record(name, 0, 0, key, value, headers) for key, value, headers in malformed(topic)]
        written += await house.append(topic, *records)
    request_id = await house.submit(IMAGES, missing=(3,))

    async def missing() -> set[Trigger]:
        return {record.trigger for record in written} - (await letters(house)).keys()

    async def all_landed() -> bool:
        return not await missing()

    with suppress(AssertionError):
        await until(all_landed, seconds=30)
    assert await missing() == set()
    found = await letters(house)
    for record in written:
        letter = found[record.trigger]
        assert (letter.key or None, letter.value or None) == (record.key, record.value), record
        assert set(record.headers) <= set(letter.headers), record
    await house.until_told(request_id)
    assert not [name for name, (process, _) in house.running.items() if process.returncode is not None]


async def letters(house: House) -> dict[Trigger, Record]:
    """The undecodable records that were set aside, by their origin."""
    found: dict[Trigger, Record] = {}
    for letter in await house.records(UNDECODABLE_DLT):
        headers = {name: value.decode() for name, value in letter.headers if name.startswith("origin-")}
        origin = headers["origin-topic"], int(headers["origin-partition"]), int(headers["origin-offset"])
        found[Trigger(*origin)] = letter
    return found


async def test_a_zombie_stream_and_a_zombie_publisher_wake_up_and_do_no_harm(house: House) -> None:
    """Both are paused with work in hand, past their session, and wake when others have done it."""
    place = house.place
    ended = await assembled(house)
    async with place.database.connection() as connection:
        holding = connection.transaction()
        await holding.start()
        await connection.execute("SELECT 1 FROM aggregator.requests WHERE request_id::text = $1 FOR UPDATE", ended.key)
        await connection.execute("LOCK TABLE aggregator.results IN SHARE MODE")
        request_id = await house.submit(IMAGES)
        await place.producer.publish(REQUESTS_ASSEMBLED, ended)
        await until(lambda: waiting_for_locks(house), what="both wait in the middle of their step")
        for name in ("stream", "finisher"):
            house.signal(name, SIGSTOP)
        await holding.rollback()
    await house.start("stream 2", "finisher 2")
    await house.until_told(request_id)
    await until(lambda: published(house, ended.request_id), seconds=30, what="the new owner has published")
    before = await standing(house, request_id)

    for name in ("stream", "finisher"):
        house.signal(name, SIGCONT)
    await house.kill("stream 2", "finisher 2")
    second = await house.submit(IMAGES)
    await house.until_told_by_restarted(second)
    assert await standing(house, request_id) == before
    for each in (request_id, second, ended.request_id):
        assert await completions(house, each) == 1
    for each in (request_id, second):
        assert set((await released(house, each)).values()) == {1}
        assert house.webhooks(each) == 1


async def assembled(house: House) -> RequestAssembled:
    """A request that has all but its completion."""
    request = await house.place.submit(2, accepted=False)
    rows = PostgresRequests(house.place.database)
    moment = datetime.now(UTC)
    await rows.insert(request.file)
    trigger = Trigger("requests.progress.v1", 0, 0)
    await rows.claim_end(request.request_id, state="completed", trigger=trigger, at=moment)
    await rows.store_assembly(request.request_id, Tally(succeeded=2), WrittenCsvs("aa", None, {}), at=moment)
    return RequestAssembled(
        request_id=request.request_id, owner=LOCAL_OWNER, state="completed", output_key="k", failures_key=None
    )


async def waiting_for_locks(house: House) -> bool:
    sql = """SELECT count(*) FILTER (WHERE query LIKE '%INSERT INTO aggregator.results%') > 0
                AND count(*) FILTER (WHERE query LIKE '%SET completed_trigger%') > 0
             FROM pg_stat_activity WHERE wait_event_type = 'Lock'"""
    return bool(await house.place.value(sql))


async def published(house: House, request_id: RequestId) -> bool:
    sql = "SELECT published_at IS NOT NULL FROM aggregator.requests WHERE request_id::text = $1"
    return bool(await house.place.value(sql, request_id))


async def test_every_group_that_begins_again_publishes_nothing_and_changes_nothing(house: House) -> None:
    requests = [await house.submit(IMAGES, missing=(2, 11)), await house.submit(3)]
    for request_id in requests:
        await house.until_told(request_id)
        await until(partial(published, house, request_id), what="it is noted")
    before = [await standing(house, request_id) for request_id in requests]
    asked = [await released(house, request_id) for request_id in requests]
    await house.stop(*house.running)
    offsets = await house.offsets()
    assert len(offsets) >= len(ROLES)
    for group, committed in offsets.items():
        await house.commit(group, dict.fromkeys(committed, 0))
    await house.start(*ROLES)
    await until(lambda: have_caught_up(house, offsets), seconds=60, what="every group has read everything again")
    last = await house.submit(3)
    await house.until_told(last)
    assert [await standing(house, request_id) for request_id in requests] == before
    assert [await released(house, request_id) for request_id in requests] == asked
    for request_id in (*requests, last):
        assert await completions(house, request_id) == 1
        assert house.webhooks(request_id) == 1


async def have_caught_up(house: House, wanted: dict[str, dict[TopicPartition, int]]) -> bool:
    found = await house.offsets()
    return all(
        found[group][partition] >= offset for group, offsets in wanted.items() for partition, offset in offsets.items()
    )
