"""An upload has its key and its objects to itself while it goes on, and not much longer."""

import asyncio
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from services.ingest.acceptance import Acceptance
from services.ingest.adapters.s3_requests import S3Requests
from services.ingest.csv_upload import Agreed, KeyInUse, Lease, Notes, Submitter, UploadLost, UploadTooSlow
from services.ingest.upload_lease import LEASE, LeaseKeeper
from shared.ids import LOCAL_OWNER, RequestId
from shared.object_keys import input_csv
from shared.object_memory import MemoryObjects
from tests.unit.ingest.fakes import NOON, RecordedAnnouncements, RequestsInMemory, agreed
from tests.unit.ingest.test_submit_csv import Ingest, body_of
from tests.waiting import until

KEYED = Submitter(LOCAL_OWNER, "order-17")
# Renewed each 10 ms of real time; the clock that ends leases is the test's.
SHORT = timedelta(milliseconds=30)
UPLOAD_SECONDS = 60


class Receiving:
    """An acceptance among its fakes, on a clock that a test moves."""

    def __init__(self, *, timeout: float = UPLOAD_SECONDS, lease: timedelta = SHORT) -> None:
        self.now = NOON
        self.rows = RequestsInMemory()
        self.store = MemoryObjects()
        self.objects = S3Requests(self.store, "requests", images_bucket="images")
        self.acceptance = Acceptance(
            self.rows,
            self.objects,
            RecordedAnnouncements(),
            timeout=timedelta(seconds=timeout),
            now=lambda: self.now,
            lease=lease,
        )

    async def begun(self) -> Lease:
        lease = await self.acceptance.begin(RequestId(str(uuid4())), KEYED)
        assert isinstance(lease, Lease)
        return lease

    async def stored(self, lease: Lease, go_on: asyncio.Event) -> Agreed:
        """Store something, and then what remains when told to."""
        await self.store.put("requests", input_csv(lease.request_id), b"x", content_type="text/csv")
        await go_on.wait()
        return Agreed(agreed().model_copy(update={"request_id": lease.request_id}), b"print", Notes())

    async def uploaded(self, lease: Lease, go_on: asyncio.Event) -> RequestId:
        stored = await self.acceptance.stored(lease, self.stored(lease, go_on))
        return (await self.acceptance.commit(stored, lease)).request.request_id

    async def until_renewed(self, times: int) -> None:
        wanted = self.rows.renewals + times
        await until(lambda: self.rows.renewals >= wanted, what="the lease is renewed")


@pytest.fixture
def go_on() -> asyncio.Event:
    return asyncio.Event()


async def test_the_key_of_an_upload_that_died_is_free_again_when_its_lease_has_ended() -> None:
    receiving = Receiving(lease=LEASE)
    dead = await receiving.begun()
    receiving.now = NOON + LEASE
    with pytest.raises(KeyInUse):
        await receiving.begun()
    receiving.now += timedelta(milliseconds=1)
    lease = await receiving.begun()
    assert receiving.rows.lost == {dead.request_id}
    assert lease.submitter == KEYED


async def test_an_upload_that_is_longer_than_its_lease_keeps_its_key_and_is_accepted(go_on: asyncio.Event) -> None:
    receiving = Receiving()
    lease = await receiving.begun()
    uploading = asyncio.create_task(receiving.uploaded(lease, go_on))
    for _ in range(5):
        receiving.now += SHORT
        # The first of the two may have read the clock before it was moved.
        await receiving.until_renewed(2)
        with pytest.raises(KeyInUse):
            await receiving.begun()
    go_on.set()
    assert await uploading == lease.request_id
    assert receiving.rows.uploads == {}


async def test_an_upload_whose_key_another_has_taken_ends_at_its_next_renewal_and_leaves_nothing(
    go_on: asyncio.Event,
) -> None:
    receiving = Receiving()
    lease = await receiving.begun()
    other = RequestId(str(uuid4()))
    receiving.now += 2 * SHORT
    taken = await receiving.acceptance.begin(other, KEYED)
    assert isinstance(taken, Lease)
    with pytest.raises(UploadLost):
        await receiving.uploaded(lease, go_on)
    assert (receiving.rows.requests, receiving.store.objects) == ({}, {})
    go_on.set()
    assert await receiving.uploaded(taken, go_on) == other


async def test_a_process_that_wakes_after_another_took_over_its_upload_commits_nothing(go_on: asyncio.Event) -> None:
    receiving = Receiving(lease=LEASE)
    lease = await receiving.begun()
    go_on.set()
    stored = await receiving.acceptance.stored(lease, receiving.stored(lease, go_on))
    receiving.now += LEASE + timedelta(seconds=1)
    other = await receiving.begun()
    with pytest.raises(UploadLost):
        await receiving.acceptance.commit(stored, lease)
    assert await receiving.uploaded(other, go_on) == other.request_id
    assert list(receiving.rows.requests) == [other.request_id]
    # What it stored is the sweeper's.
    assert receiving.rows.lost == set(receiving.rows.uploads) == {lease.request_id}


async def test_a_process_that_wakes_after_its_upload_was_swept_commits_nothing_and_is_swept_again(
    go_on: asyncio.Event,
) -> None:
    receiving = Receiving(lease=LEASE)
    lease = await receiving.begun()
    async with receiving.rows.abandoned(NOON + 2 * LEASE, limit=10) as names:
        assert list(names) == [lease.request_id]
    go_on.set()
    stored = await receiving.acceptance.stored(lease, receiving.stored(lease, go_on))
    with pytest.raises(UploadLost):
        await receiving.acceptance.commit(stored, lease)
    assert receiving.rows.requests == {}
    async with receiving.rows.abandoned(NOON, limit=10) as names:
        assert list(names) == [lease.request_id]


async def test_postgres_being_away_during_an_upload_ends_it_not(go_on: asyncio.Event) -> None:
    receiving = Receiving()
    lease = await receiving.begun()
    uploading = asyncio.create_task(receiving.uploaded(lease, go_on))
    await receiving.until_renewed(1)
    receiving.rows.is_away = True
    refused = asyncio.Event()
    renew = receiving.rows.renew

    async def told(lease: Lease, until: datetime) -> bool:
        refused.set()
        return await renew(lease, until)

    receiving.rows.renew = told  # type: ignore[method-assign]  # tells that it was asked
    await asyncio.wait_for(refused.wait(), 10)
    receiving.now += 2 * SHORT
    receiving.rows.is_away = False
    await receiving.until_renewed(2)
    with pytest.raises(KeyInUse):
        await receiving.begun()
    go_on.set()
    assert await uploading == lease.request_id


@pytest.mark.parametrize("end", ["stored", "cancelled", "too slow"])
async def test_renewal_stops_with_the_upload(end: str, go_on: asyncio.Event) -> None:
    receiving = Receiving(timeout=0.05 if end == "too slow" else UPLOAD_SECONDS)
    lease = await receiving.begun()
    before = asyncio.all_tasks()
    uploading = asyncio.create_task(receiving.uploaded(lease, go_on))
    await receiving.until_renewed(1)
    if end == "stored":
        go_on.set()
    elif end == "cancelled":
        uploading.cancel()
    (outcome,) = await asyncio.gather(uploading, return_exceptions=True)
    expected = {"stored": str, "cancelled": asyncio.CancelledError, "too slow": UploadTooSlow}
    assert isinstance(outcome, expected[end])
    assert asyncio.all_tasks() == before
    assert receiving.rows.uploads == {}


async def test_a_renewal_that_goes_wrong_otherwise_is_told() -> None:
    class Broken:
        async def renew(self, lease: Lease, until: object) -> bool:
            asked.set()
            raise ZeroDivisionError

    asked = asyncio.Event()
    keeper = LeaseKeeper(Broken(), length=SHORT, now=lambda: NOON)

    async def kept() -> None:
        async with keeper.keeping(Lease(RequestId("name"), KEYED, "token")):
            await asked.wait()
            await asyncio.sleep(0)

    with pytest.raises(ZeroDivisionError):
        await kept()


async def test_a_csv_whose_upload_was_swept_meanwhile_is_refused_and_the_key_is_free() -> None:
    ingest = Ingest()

    def swept() -> None:
        ingest.rows.lost |= set(ingest.rows.uploads)

    body = body_of()
    body.at_end = swept
    with pytest.raises(UploadLost):
        await ingest.submit(body, KEYED)
    assert ingest.rows.requests == {}
    assert await ingest.accepted(body_of(), KEYED)
