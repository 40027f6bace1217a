"""What a crash left undone is finished, and announcements beside the answer."""

import asyncio
from datetime import timedelta

import pytest

from services.ingest.announcements import AT_ONCE, BackgroundAnnouncements
from services.ingest.cancel_request import cancel_requested
from services.ingest.csv_upload import Lease, Submitter, Upload
from services.ingest.delete_request import REMOVAL_PATIENCE, DeleteRequest
from services.ingest.sweeper import DELETION_PATIENCE, LEASE_PATIENCE, PATIENCE, Sweeper
from shared.errors import DependencyAway
from shared.events import RequestAccepted, RequestDeleted
from shared.ids import LOCAL_OWNER, RequestId
from shared.topics import REQUESTS_ACCEPTED, REQUESTS_DELETED, REQUESTS_PROGRESS
from tests.unit.ingest.fakes import NOON, REQUEST, RecordedFacts, RequestsInMemory, agreed
from tests.waiting import until

LATER = NOON + PATIENCE + timedelta(seconds=1)


class RemovedObjects:
    def __init__(self) -> None:
        self.removed: list[RequestId] = []
        self.is_away = False

    async def remove(self, request_id: RequestId) -> None:
        self.removed.append(request_id)

    async def remove_all(self, request_id: RequestId) -> None:
        if self.is_away:
            raise DependencyAway("s3", "set away by a test")
        self.removed.append(request_id)


class Swept:
    """A sweeper among its fakes, with one accepted request."""

    def __init__(self) -> None:
        self.now = LATER
        self.rows = RequestsInMemory(requests={REQUEST: agreed()})
        self.facts = RecordedFacts()
        self.objects = RemovedObjects()
        self.delete = DeleteRequest(self.rows, self.objects, self.facts, now=lambda: self.now)
        self.sweeper = Sweeper(
            self.rows,
            self.facts,
            cancellations=self.rows,
            uploads=self.rows,
            deletions=self.rows,
            delete=self.delete,
            objects=self.objects,
            pause_seconds=0.01,
            now=lambda: self.now,
        )

    def announced(self) -> list[str]:
        events = self.facts.events(REQUESTS_ACCEPTED)
        return [event.request_id for event in events if isinstance(event, RequestAccepted)]


@pytest.mark.checklist("I13")
async def test_a_request_nobody_heard_of_is_announced_once() -> None:
    swept = Swept()
    assert await swept.sweeper.announce() == 1
    assert await swept.sweeper.announce() == 0
    assert swept.announced() == [REQUEST]


@pytest.mark.checklist("I13")
async def test_the_sweeper_run_twice_announces_once() -> None:
    swept = Swept()
    await asyncio.gather(swept.sweeper.announce(), swept.sweeper.announce())
    await swept.sweeper.announce()
    assert set(swept.announced()) == {REQUEST}


async def test_a_request_that_was_just_accepted_is_left_to_its_own_announcement() -> None:
    swept = Swept()
    swept.now = NOON + PATIENCE
    assert await swept.sweeper.announce() == 0


@pytest.mark.checklist("I13", "I15")
async def test_it_announces_again_until_kafka_acknowledges() -> None:
    swept = Swept()
    swept.facts.is_away = True
    stop = asyncio.Event()
    running = asyncio.create_task(swept.sweeper.run(stop))
    await asyncio.sleep(0)
    assert swept.announced() == []
    swept.facts.is_away = False
    await until(lambda: swept.announced() == [REQUEST])
    stop.set()
    await running


async def test_postgres_away_is_waited_for() -> None:
    swept = Swept()
    swept.rows.is_away = True
    stop = asyncio.Event()
    running = asyncio.create_task(swept.sweeper.run(stop))
    await asyncio.sleep(0)
    swept.rows.is_away = False
    await until(lambda: swept.announced() == [REQUEST])
    stop.set()
    await running


@pytest.mark.checklist("I13")
async def test_an_upload_that_never_became_a_request_is_removed() -> None:
    swept = Swept()
    anyone = Submitter(LOCAL_OWNER, None)
    names = {RequestId("old"): NOON, RequestId("standing"): LATER, RequestId("running"): LATER + LEASE_PATIENCE}
    swept.rows.uploads = {name: Upload(name, anyone, expires_at) for name, expires_at in names.items()}
    swept.now = LATER + LEASE_PATIENCE
    assert await swept.sweeper.remove_abandoned() == 1
    assert await swept.sweeper.remove_abandoned() == 0
    assert swept.objects.removed == ["old"]
    assert list(swept.rows.uploads) == ["standing", "running"]


async def test_an_upload_that_was_given_up_is_removed_at_once() -> None:
    swept = Swept()
    lease = await swept.rows.begin(Upload(RequestId("left"), Submitter(LOCAL_OWNER, None), swept.now), swept.now)
    assert isinstance(lease, Lease)
    await swept.rows.give_up(lease)
    assert await swept.sweeper.remove_abandoned() == 1
    assert (swept.objects.removed, swept.rows.uploads) == (["left"], {})


async def test_a_cancellation_nobody_heard_of_is_said_once() -> None:
    swept = Swept()
    swept.rows.cancelled = {REQUEST: NOON}
    swept.facts.is_away = True
    with pytest.raises(DependencyAway):
        await swept.sweeper.cancel()
    swept.facts.is_away = False
    assert await swept.sweeper.cancel() == 1
    assert await swept.sweeper.cancel() == 0
    assert swept.facts.events(REQUESTS_PROGRESS) == [cancel_requested(REQUEST, LOCAL_OWNER)]


async def test_a_cancellation_that_was_just_made_or_has_come_to_its_end_is_not_swept() -> None:
    swept = Swept()
    swept.rows.cancelled = {REQUEST: swept.now - PATIENCE}
    assert await swept.sweeper.cancel() == 0
    swept.rows.cancelled = {REQUEST: NOON}
    await swept.rows.mark_ended(REQUEST, NOON, "completed")
    assert await swept.sweeper.cancel() == 0


async def test_a_deletion_that_was_interrupted_is_finished_by_the_sweeper() -> None:
    swept = Swept()
    swept.rows.ended = {REQUEST: NOON}
    await swept.rows.mark_deleted(REQUEST, LOCAL_OWNER, swept.now)
    assert await swept.sweeper.finish_deletions() == 0
    swept.now += DELETION_PATIENCE + timedelta(seconds=1)
    assert await swept.sweeper.finish_deletions() == 1
    assert await swept.sweeper.finish_deletions() == 0
    assert swept.objects.removed == [REQUEST]
    assert swept.facts.events(REQUESTS_DELETED) == [RequestDeleted(request_id=REQUEST, owner=LOCAL_OWNER)]
    assert swept.rows.requests == {}


async def test_what_is_stored_after_a_deletion_is_removed_after_an_hour_and_after_a_day() -> None:
    swept = Swept()
    swept.rows.ended = {REQUEST: NOON}
    await swept.delete(REQUEST, LOCAL_OWNER)
    moments = [
        (timedelta(minutes=59), 0),
        (timedelta(minutes=61), 1),
        (timedelta(minutes=72), 0),
        (timedelta(hours=23), 0),
        (timedelta(hours=25), 1),
        (timedelta(days=7), 0),
    ]
    for after, expected in moments:
        swept.now = LATER + after
        assert await swept.sweeper.remove_again() == expected, after
    assert swept.objects.removed == [REQUEST] * 3
    assert swept.rows.gone == swept.rows.removals == {}


async def test_a_late_removal_that_finds_object_storage_away_is_made_later() -> None:
    swept = Swept()
    swept.rows.ended = {REQUEST: NOON}
    await swept.delete(REQUEST, LOCAL_OWNER)
    swept.now = LATER + timedelta(hours=2)
    swept.objects.is_away = True
    with pytest.raises(DependencyAway):
        await swept.sweeper.remove_again()
    swept.objects.is_away = False
    assert await swept.sweeper.remove_again() == 0
    swept.now += REMOVAL_PATIENCE + timedelta(seconds=1)
    assert await swept.sweeper.remove_again() == 1
    assert list(swept.rows.gone) == [REQUEST]


async def test_an_announcement_beside_the_answer_is_noted() -> None:
    rows, facts = RequestsInMemory(), RecordedFacts()
    announcements = BackgroundAnnouncements(facts, rows, now=lambda: NOON)
    announcements.announce_soon(agreed())
    await announcements.close()
    assert facts.published == [(REQUESTS_ACCEPTED, agreed().accepted())]
    assert rows.announced == {REQUEST: NOON}


async def test_an_announcement_that_kafka_does_not_take_is_left_to_the_sweeper() -> None:
    rows, facts = RequestsInMemory(), RecordedFacts(is_away=True)
    announcements = BackgroundAnnouncements(facts, rows, now=lambda: NOON)
    announcements.announce_soon(agreed())
    await announcements.close()
    assert rows.announced == {}


async def test_announcements_do_not_pile_up() -> None:
    rows, facts = RequestsInMemory(), RecordedFacts()
    announcements = BackgroundAnnouncements(facts, rows, now=lambda: NOON)
    for _ in range(AT_ONCE + 5):
        announcements.announce_soon(agreed())
    await announcements.close()
    assert len(facts.published) == AT_ONCE
