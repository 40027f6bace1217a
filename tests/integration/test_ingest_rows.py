"""What ingest needs of Postgres, on the fake and on the real one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from deploy.migrate import migrate
from services.ingest.adapters.postgres_requests import PostgresRequests
from services.ingest.adapters.postgres_uploads import NO_QUOTAS, PostgresUploads
from services.ingest.cancel_request import Cancellation
from services.ingest.csv_upload import Agreed, KeyInUse, Lease, Notes, Submitter, Upload, UploadLost
from services.ingest.delete_request import DeletedRequest, DoomedRequest
from services.ingest.domain.findings import Finding
from services.ingest.domain.quotas import Quotas
from services.ingest.retry_request import Original
from services.ingest.settings import IngestSettings
from shared.errors import DependencyAway
from shared.ids import LOCAL_OWNER, Owner, RequestId
from shared.kafka.records import Trigger
from shared.postgres import Database
from shared.request_files import RequestFile
from tests.stack import StackForTests
from tests.unit.ingest.fakes import NOON, RequestsInMemory, agreed
from tests.waiting import until

LATER = NOON + timedelta(minutes=5)
AFTER = LATER + timedelta(seconds=1)
NOTES = Notes((Finding(2, 3, "Image URLs", "invalid_url", "é"),), warnings_total=1, carried_over=4)
FIRST, SECOND = Trigger("requests.accepted.v1", 0, 1), Trigger("requests.accepted.v1", 0, 2)


TABLES = "ingest.requests, ingest.uploads, ingest.released_chunks, ingest.deleted_requests"


class PostgresRows(PostgresUploads, PostgresRequests):
    """Both adapters on one database."""

    def __init__(self, database: Database, *, quotas: Quotas = NO_QUOTAS) -> None:
        super().__init__(database, quotas=quotas)
        self.database = database
        self.connection = database.connection


Rows = RequestsInMemory | PostgresRows


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.stack)])
async def rows(request: pytest.FixtureRequest) -> AsyncIterator[Rows]:
    if request.param == "memory":
        yield RequestsInMemory()
        return
    async with postgres_rows(request.getfixturevalue("stack")) as rows:
        yield rows


@asynccontextmanager
async def postgres_rows(stack: StackForTests) -> AsyncIterator[PostgresRows]:
    url = stack.environment()["DATABASE_URL"]
    await migrate(url)
    database = Database(IngestSettings.model_validate({"database_url": url}))
    async with database.connection() as connection:
        await connection.execute(f"TRUNCATE {TABLES} CASCADE")
    try:
        yield PostgresRows(database)
    finally:
        await database.close()


def new_id() -> RequestId:
    return RequestId(str(uuid4()))


def request_named(request_id: RequestId) -> RequestFile:
    return agreed().model_copy(update={"request_id": request_id})


async def accepted(rows: Rows, key: str | None = None) -> RequestFile:
    submitter = Submitter(LOCAL_OWNER, key)
    upload = Upload(new_id(), submitter, LATER)
    request = request_named(upload.request_id)
    await rows.accept(Agreed(request, b"print", NOTES), await begun(rows, upload))
    return request


async def begun(rows: Rows, upload: Upload, now: datetime = NOON) -> Lease:
    lease = await rows.begin(upload, now)
    assert isinstance(lease, Lease)
    return lease


async def taken(rows: Rows, upload: Upload) -> Lease:
    lease = await rows.take(upload)
    assert lease is not None
    return lease


async def cannot_be_accepted(rows: Rows, lease: Lease) -> None:
    """Neither can it be renewed."""
    assert not await rows.renew(lease, LATER)
    with pytest.raises(UploadLost):
        await rows.accept(Agreed(request_named(lease.request_id), b"print", NOTES), lease)


async def test_an_accepted_request_is_found_as_it_was_agreed(rows: Rows) -> None:
    request = await accepted(rows)
    assert await rows.find(request.request_id) == request
    assert await rows.find(new_id()) is None


@pytest.mark.checklist("I12")
async def test_a_key_stands_for_its_request_and_its_owner_alone(rows: Rows) -> None:
    request = await accepted(rows, "key")
    again = Upload(new_id(), Submitter(LOCAL_OWNER, "key"), LATER)
    assert await rows.begin(again, NOON) == Agreed(request, b"print", NOTES)
    await begun(rows, Upload(new_id(), Submitter(Owner("other"), "key"), LATER))


@pytest.mark.checklist("I12")
async def test_a_key_is_reserved_while_its_upload_runs_and_not_longer(rows: Rows) -> None:
    keyed = Submitter(LOCAL_OWNER, "key")
    first = Upload(new_id(), keyed, LATER)
    await rows.begin(first, NOON)
    with pytest.raises(KeyInUse):
        await rows.begin(Upload(new_id(), keyed, LATER), NOON)
    await rows.forget(first.request_id)
    second = Upload(new_id(), keyed, LATER)
    await rows.give_up(await begun(rows, second))
    third = await begun(rows, Upload(new_id(), keyed, LATER))
    last = await begun(rows, Upload(new_id(), keyed, AFTER), AFTER)
    await cannot_be_accepted(rows, third)
    async with rows.abandoned(NOON, limit=10) as request_ids:
        assert set(request_ids) == {second.request_id, third.request_id}
    await rows.accept(Agreed(request_named(last.request_id), b"print", NOTES), last)


async def test_a_lease_that_was_renewed_keeps_its_key(rows: Rows) -> None:
    keyed = Submitter(LOCAL_OWNER, "key")
    lease = await begun(rows, Upload(new_id(), keyed, NOON))
    assert await rows.renew(lease, AFTER)
    with pytest.raises(KeyInUse):
        await rows.begin(Upload(new_id(), keyed, AFTER), LATER)
    await rows.accept(Agreed(request_named(lease.request_id), b"print", NOTES), lease)
    assert not await rows.renew(lease, AFTER)


async def test_a_lease_that_has_ended_is_renewed_and_accepted_as_long_as_nobody_has_taken_it(rows: Rows) -> None:
    lease = await begun(rows, Upload(new_id(), Submitter(LOCAL_OWNER, "key"), NOON))
    async with rows.abandoned(NOON, limit=10) as request_ids:
        assert list(request_ids) == []
    assert await rows.renew(lease, LATER)
    await rows.accept(Agreed(request_named(lease.request_id), b"print", NOTES), lease)


async def test_uploads_without_a_key_do_not_meet(rows: Rows) -> None:
    for _ in range(2):
        await begun(rows, Upload(new_id(), Submitter(LOCAL_OWNER, None), LATER))


async def test_an_upload_that_was_swept_cannot_be_accepted(rows: Rows) -> None:
    lease = await begun(rows, Upload(new_id(), Submitter(LOCAL_OWNER, None), LATER))
    async with rows.abandoned(AFTER, limit=10) as request_ids:
        assert list(request_ids) == [lease.request_id]
    await cannot_be_accepted(rows, lease)
    assert await rows.find(lease.request_id) is None


async def test_an_upload_cannot_be_accepted_once_its_sweep_has_begun_even_if_that_breaks_off(rows: Rows) -> None:
    lease = await begun(rows, Upload(new_id(), Submitter(LOCAL_OWNER, None), LATER))
    with pytest.raises(DependencyAway):
        async with rows.abandoned(AFTER, limit=10):
            raise DependencyAway("s3", "no answer")
    await cannot_be_accepted(rows, lease)
    async with rows.abandoned(NOON, limit=10) as request_ids:
        assert list(request_ids) == [lease.request_id]


async def test_what_an_upload_stored_after_its_sweep_is_swept_again(rows: Rows) -> None:
    lease = await begun(rows, Upload(new_id(), Submitter(LOCAL_OWNER, None), LATER))
    async with rows.abandoned(AFTER, limit=10):
        pass
    await rows.give_up(lease)
    async with rows.abandoned(NOON, limit=10) as request_ids:
        assert list(request_ids) == [lease.request_id]


async def test_giving_up_an_upload_that_became_a_request_does_nothing(rows: Rows) -> None:
    upload = Upload(new_id(), Submitter(LOCAL_OWNER, None), LATER)
    lease, request = await begun(rows, upload), request_named(upload.request_id)
    await rows.accept(Agreed(request, b"print", NOTES), lease)
    await rows.give_up(lease)
    async with rows.abandoned(LATER, limit=10) as request_ids:
        assert list(request_ids) == []
    assert await rows.find(request.request_id) == request


async def test_a_sweep_that_fails_leaves_its_work(rows: Rows) -> None:
    request = await accepted(rows)

    async def sweep(*, fails: bool) -> list[RequestFile]:
        async with rows.unannounced(LATER, limit=10, now=LATER) as requests:
            if fails:
                raise DependencyAway("kafka", "no answer")
            return list(requests)

    with pytest.raises(DependencyAway):
        await sweep(fails=True)
    assert await sweep(fails=False) == [request]
    assert await sweep(fails=False) == []


async def test_a_request_that_is_being_announced_can_be_cancelled_at_once(rows: Rows) -> None:
    name, other = (await accepted(rows)).request_id, (await accepted(rows)).request_id
    await rows.mark_cancelled(other, LOCAL_OWNER, NOON)
    async with (
        asyncio.timeout(5),
        rows.unannounced(LATER, limit=10, now=LATER) as requests,
        rows.unsaid_cancellations(LATER, limit=10, now=LATER) as cancelled,
    ):
        assert (len(requests), [event.request_id for event in cancelled]) == (2, [other])
        assert isinstance(await rows.mark_cancelled(name, LOCAL_OWNER, NOON), Cancellation)
        assert isinstance(await rows.mark_cancelled(other, LOCAL_OWNER, NOON), Cancellation)


async def test_what_was_announced_or_just_accepted_is_not_swept(rows: Rows) -> None:
    request = await accepted(rows)
    async with rows.unannounced(NOON, limit=10, now=NOON) as requests:
        assert list(requests) == []
    await rows.mark_announced([request.request_id], NOON)
    async with rows.unannounced(LATER, limit=10, now=LATER) as requests:
        assert list(requests) == []


async def test_a_chunk_belongs_to_the_trigger_that_claimed_it_first(rows: Rows) -> None:
    name = (await accepted(rows)).request_id
    assert await rows.claim(name, [0, 1], FIRST) == [0, 1]
    assert await rows.claim(name, [0, 1], SECOND) == []
    assert await rows.claim(name, [0, 1], FIRST) == [0, 1]
    assert await rows.claim(name, [1, 2], SECOND) == [2]


async def test_a_request_that_ended_gives_no_chunk_away(rows: Rows) -> None:
    name = (await accepted(rows)).request_id
    await rows.claim(name, [0], FIRST)
    await rows.mark_ended(name, NOON, "completed")
    await rows.mark_ended(name, LATER, "completed")
    assert await rows.claim(name, [0, 1], FIRST) == []


async def test_a_request_that_was_cancelled_gives_no_chunk_away(rows: Rows) -> None:
    name = (await accepted(rows)).request_id
    await rows.claim(name, [0], FIRST)
    await rows.mark_cancelled(name, LOCAL_OWNER, NOON)
    assert await rows.claim(name, [0, 1], FIRST) == []


async def test_only_a_request_that_runs_is_cancelled_and_only_by_its_owner(rows: Rows) -> None:
    name = (await accepted(rows)).request_id
    assert await rows.mark_cancelled(name, Owner("other"), NOON) == "unknown"
    assert await rows.mark_cancelled(new_id(), LOCAL_OWNER, NOON) == "unknown"
    assert await rows.mark_cancelled(name, LOCAL_OWNER, NOON) == Cancellation(name, LOCAL_OWNER, NOON, "pending")
    ended = (await accepted(rows)).request_id
    await rows.mark_ended(ended, NOON, "cancelled")
    assert await rows.mark_cancelled(ended, LOCAL_OWNER, NOON) == "ended"


async def test_a_cancellation_keeps_its_first_moment_and_tells_what_it_came_to(rows: Rows) -> None:
    name, late = (await accepted(rows)).request_id, (await accepted(rows)).request_id
    for each in (name, late):
        await rows.claim(each, [0], FIRST)
        await rows.mark_cancelled(each, LOCAL_OWNER, NOON)
    assert await rows.mark_cancelled(name, LOCAL_OWNER, LATER) == Cancellation(name, LOCAL_OWNER, NOON, "processing")
    await rows.mark_ended(name, LATER, "cancelled")
    assert await rows.mark_cancelled(name, LOCAL_OWNER, LATER) == Cancellation(name, LOCAL_OWNER, NOON, "cancelled")
    await rows.mark_ended(late, LATER, "completed")
    assert await rows.mark_cancelled(late, LOCAL_OWNER, LATER) == "ended"
    await rows.mark_deleted(name, LOCAL_OWNER, LATER)
    assert await rows.mark_cancelled(name, LOCAL_OWNER, LATER) == "unknown"


async def test_a_cancellation_is_swept_until_it_was_said_and_not_when_it_is_new_or_over(rows: Rows) -> None:
    name, ended = (await accepted(rows)).request_id, (await accepted(rows)).request_id
    for each in (name, ended):
        await rows.mark_cancelled(each, LOCAL_OWNER, NOON)
    await rows.mark_ended(ended, NOON, "completed")

    async def sweep(before: datetime, *, fails: bool = False) -> list[RequestId]:
        async with rows.unsaid_cancellations(before, limit=10, now=LATER) as cancelled:
            if fails:
                raise DependencyAway("kafka", "no answer")
            return [event.request_id for event in cancelled]

    assert await sweep(NOON) == []
    with pytest.raises(DependencyAway):
        await sweep(LATER, fails=True)
    assert await sweep(LATER) == [name]
    assert await sweep(LATER) == []
    said = (await accepted(rows)).request_id
    await rows.mark_cancelled(said, LOCAL_OWNER, NOON)
    await rows.mark_cancel_said([said], NOON)
    assert await sweep(LATER) == []


async def test_an_original_is_found_by_its_owner_until_it_is_deleted(rows: Rows) -> None:
    request = await accepted(rows)
    name = request.request_id
    assert await rows.original(name, LOCAL_OWNER) == Original(request, has_ended=False)
    assert await rows.original(name, Owner("other")) is None
    await rows.mark_ended(name, NOON, "failed")
    assert await rows.original(name, LOCAL_OWNER) == Original(request, has_ended=True)
    await rows.mark_deleted(name, LOCAL_OWNER, NOON)
    assert await rows.original(name, LOCAL_OWNER) is None


async def test_a_name_is_taken_again_until_it_is_a_request(rows: Rows) -> None:
    nobody = Submitter(LOCAL_OWNER, None)
    name = new_id()
    first = await taken(rows, Upload(name, nobody, NOON))
    assert await taken(rows, Upload(name, nobody, LATER)) == first
    async with rows.abandoned(LATER, limit=10) as request_ids:
        assert list(request_ids) == []
    await rows.accept(Agreed(request_named(name), b"print", NOTES), first)
    assert not await rows.take(Upload(name, nobody, LATER))
    assert await rows.find(name) is not None


async def test_a_name_that_was_swept_is_taken_anew_and_what_was_stored_before_is_not_accepted(rows: Rows) -> None:
    upload = Upload(new_id(), Submitter(LOCAL_OWNER, None), LATER)
    late = await taken(rows, upload)
    with pytest.raises(DependencyAway):
        async with rows.abandoned(AFTER, limit=10):
            raise DependencyAway("s3", "no answer")
    lease = await taken(rows, upload._replace(expires_at=AFTER))
    await cannot_be_accepted(rows, late)
    await rows.give_up(late)
    async with rows.abandoned(LATER, limit=10) as request_ids:
        assert list(request_ids) == []
    await rows.accept(Agreed(request_named(lease.request_id), b"print", NOTES), lease)


async def test_an_upload_whose_name_is_a_request_is_dropped_without_its_objects(rows: Rows) -> None:
    name = (await accepted(rows)).request_id
    await put_upload(rows, Upload(name, Submitter(LOCAL_OWNER, None), NOON))
    for _ in range(2):
        async with rows.abandoned(LATER, limit=10) as request_ids:
            assert list(request_ids) == []
    assert await rows.find(name) is not None


async def put_upload(rows: Rows, upload: Upload) -> None:
    """Leave a row as if a process had been stopped for long in the middle of taking the name."""
    if isinstance(rows, RequestsInMemory):
        rows.uploads[upload.request_id] = upload
        return
    async with rows.connection() as connection:
        insert = "INSERT INTO ingest.uploads (request_id, owner, expires_at) VALUES ($1, $2, $3)"
        await connection.execute(insert, upload.request_id, upload.submitter.owner, upload.expires_at)


@pytest.mark.stack
async def test_a_name_that_becomes_a_request_meanwhile_is_not_taken(stack: StackForTests) -> None:
    async with postgres_rows(stack) as rows:
        nobody, request = Submitter(LOCAL_OWNER, None), request_named(new_id())
        upload = Upload(request.request_id, nobody, LATER)
        await rows.take(upload)
        async with rows.connection() as acceptor, rows.connection() as watcher:
            async with acceptor.transaction():
                await acceptor.execute("DELETE FROM ingest.uploads WHERE request_id = $1", upload.request_id)
                insert = "INSERT INTO ingest.requests (request_id, owner, request, accepted_at) VALUES ($1, $2, $3, $4)"
                document = request.model_dump(mode="json")
                await acceptor.execute(insert, request.request_id, request.owner, document, request.accepted_at)
                late = asyncio.create_task(rows.take(upload))

                async def waits() -> bool:
                    sql = "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))"
                    return bool(await watcher.fetchval(sql, acceptor.get_server_pid()))

                await until(waits, what="the late one waits for the acceptance")
            assert not await late
            left = "SELECT count(*) FROM ingest.uploads WHERE request_id = $1"
            assert await watcher.fetchval(left, upload.request_id) == 0


async def test_a_request_restored_twice_is_there_once_and_counts_as_announced(rows: Rows) -> None:
    request = request_named(new_id())
    await rows.restore(request)
    await rows.restore(request)
    assert await rows.find(request.request_id) == request
    async with rows.unannounced(LATER, limit=10, now=LATER) as requests:
        assert list(requests) == []


async def test_only_a_request_that_has_ended_is_marked_and_only_by_its_owner(rows: Rows) -> None:
    name = (await accepted(rows)).request_id
    assert await rows.mark_deleted(name, LOCAL_OWNER, NOON) == "running"
    await rows.mark_ended(name, NOON, "completed")
    assert await rows.mark_deleted(name, Owner("other"), NOON) == "unknown"
    assert await rows.mark_deleted(new_id(), LOCAL_OWNER, NOON) == "unknown"
    assert [await rows.mark_deleted(name, LOCAL_OWNER, moment) for moment in (NOON, LATER)] == ["marked", "marked"]
    assert list(await rows.doomed(NOON, limit=10)) == []
    assert list(await rows.doomed(LATER, limit=10)) == [DoomedRequest(name, LOCAL_OWNER)]


async def test_a_request_that_is_marked_goes_with_its_key_and_no_other_does(rows: Rows) -> None:
    kept, gone = (await accepted(rows)).request_id, (await accepted(rows, "key")).request_id
    await rows.claim(gone, [0], FIRST)
    await rows.remove_request(gone, NOON, again_at=LATER)
    assert await rows.find(gone) is not None
    await rows.mark_ended(gone, NOON, "completed")
    await rows.mark_deleted(gone, LOCAL_OWNER, NOON)
    await rows.remove_request(gone, NOON, again_at=LATER)
    await rows.remove_request(gone, NOON, again_at=LATER)
    assert await rows.find(gone) is None
    assert await rows.find(kept) is not None
    assert list(await rows.doomed(LATER, limit=10)) == []
    await begun(rows, Upload(new_id(), Submitter(LOCAL_OWNER, "key"), LATER))


async def test_the_name_of_a_deleted_request_is_kept_until_its_last_removal(rows: Rows) -> None:
    request = await accepted(rows)
    name, end = request.request_id, LATER + timedelta(days=1)
    await rows.mark_ended(name, NOON, "cancelled")
    await rows.mark_deleted(name, LOCAL_OWNER, NOON)
    await rows.remove_request(name, NOON, again_at=LATER)
    upload = Upload(name, Submitter(LOCAL_OWNER, None), LATER)
    assert not await rows.take(upload)
    assert not await rows.restore(request)
    assert await rows.find(name) is None
    assert list(await rows.claim_removals(LATER, until=end, limit=10)) == []
    due = LATER + timedelta(seconds=1)
    assert list(await rows.claim_removals(due, until=end, limit=10)) == [DeletedRequest(name, NOON)]
    assert list(await rows.claim_removals(due, until=end, limit=10)) == []
    await rows.note_removal(name, due)
    assert len(await rows.claim_removals(end, until=end, limit=10)) == 1
    await rows.note_removal(name, None)
    assert list(await rows.claim_removals(end + timedelta(days=9), until=end, limit=10)) == []
    assert await rows.take(upload)


@pytest.mark.stack
async def test_two_sweepers_do_not_hold_the_same_work(stack: StackForTests) -> None:
    async with postgres_rows(stack) as rows:
        request = await accepted(rows)
        async with rows.unannounced(LATER, limit=1000, now=LATER) as held:
            assert request in held
            async with rows.unannounced(LATER, limit=1000, now=LATER) as other:
                assert request not in other
