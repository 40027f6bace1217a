"""A CSV becomes a request, or leaves nothing behind."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest

from services.ingest.acceptance import Accepted
from services.ingest.adapters.s3_requests import S3Requests
from services.ingest.csv_upload import (
    CsvRefused,
    KeyInUse,
    KeyMismatch,
    Notes,
    Submitter,
    TooManyOfOwner,
    TooManyUploads,
    Upload,
    UploadBody,
    UploadTooSlow,
)
from services.ingest.domain.csv_intake import IntakeTerms
from services.ingest.domain.csv_rules import CsvRules
from services.ingest.domain.options import SubmitOptions
from services.ingest.submit_csv import DryRun, SubmitCsv, Terms
from services.ingest.url_judge import url_judge
from shared.api_keys import new_token
from shared.errors import DependencyAway
from shared.ids import LOCAL_OWNER, Owner, RequestId
from shared.object_keys import input_csv, manifest_chunk, request_object
from shared.object_memory import MemoryObjects
from shared.request_files import RequestFile
from tests.unit.ingest.fakes import (
    GOOD_CSV,
    LIMITS,
    NOON,
    PICTURES,
    RECIPES,
    BodyOf,
    RecordedAnnouncements,
    RequestsInMemory,
    csv_of,
)

ANYONE = Submitter(LOCAL_OWNER, None)
KEYED = Submitter(LOCAL_OWNER, "order-17")


class Ingest:
    """A `SubmitCsv` among its fakes."""

    def __init__(self, *, upload_timeout: float = 60, uploads_at_once: int = 4, max_images: int = 100) -> None:
        self.rows = RequestsInMemory()
        self.store = MemoryObjects()
        self.announcements = RecordedAnnouncements()
        self.submit = SubmitCsv(
            self.rows,
            S3Requests(self.store, "requests", images_bucket="images"),
            self.announcements,
            terms=Terms(
                IntakeTerms(CsvRules(), LIMITS.chunk_size, max_images, url_judge(()), PICTURES.key_of),
                LIMITS,
                RECIPES,
                timedelta(seconds=upload_timeout),
                uploads_at_once,
            ),
            now=lambda: NOON,
            new_id=lambda: RequestId(str(uuid4())),
        )

    async def accepted(self, body: UploadBody, submitter: Submitter = ANYONE) -> RequestFile:
        outcome = await self.submit(body, submitter)
        assert isinstance(outcome, Accepted)
        return outcome.request

    def is_untouched(self) -> bool:
        return not (self.store.objects or self.rows.requests or self.rows.uploads or self.announcements.announced)


def body_of(text: str = GOOD_CSV, **options: object) -> BodyOf:
    return BodyOf(text.encode(), SubmitOptions.model_validate(options))


@pytest.mark.checklist("I13")
async def test_an_accepted_csv_is_stored_committed_and_announced() -> None:
    ingest = Ingest()
    request = await ingest.accepted(body_of())
    name = request.request_id
    keys = {key for _, key in ingest.store.objects}
    assert keys == {input_csv(name), request_object(name), manifest_chunk(name, 0), manifest_chunk(name, 1)}
    assert ingest.store.objects["requests", input_csv(name)] == GOOD_CSV.encode()
    assert RequestFile.model_validate_json(ingest.store.objects["requests", request_object(name)]) == request
    assert ingest.rows.requests == {name: request}
    assert ingest.announcements.announced == [name]
    assert ingest.rows.uploads == {}


@pytest.mark.checklist("I13")
async def test_an_invalid_csv_leaves_nothing_behind() -> None:
    ingest = Ingest()
    with pytest.raises(CsvRefused) as caught:
        await ingest.submit(
            body_of(csv_of("1,a,https://a.example/1.jpg", "2,b,https://a.example/2.jpg", "3,c,")), ANYONE
        )
    assert caught.value.findings.total == 1
    assert ingest.is_untouched()


@pytest.mark.checklist("I13")
async def test_a_body_that_breaks_off_leaves_nothing_behind() -> None:
    ingest = Ingest()
    broken = BodyOf(GOOD_CSV.encode(), fails=ConnectionResetError())
    with pytest.raises(ConnectionResetError):
        await ingest.submit(broken, KEYED)
    assert ingest.is_untouched()
    assert await ingest.accepted(body_of(), KEYED)


async def test_on_invalid_keep_takes_broken_values() -> None:
    ingest = Ingest()
    request = await ingest.accepted(body_of(csv_of("1,a,nonsense", "1,,"), on_invalid="keep"))
    assert (request.rows, request.images_total, request.on_invalid) == (2, 1, "keep")


@pytest.mark.parametrize(("text", "valid"), [(GOOD_CSV, True), (csv_of("1,a,"), False)])
async def test_a_dry_run_tells_and_keeps_nothing(text: str, valid: bool) -> None:
    ingest = Ingest()
    outcome = await ingest.submit(body_of(text, dry_run=True), ANYONE)
    assert isinstance(outcome, DryRun)
    assert outcome.valid is valid
    assert ingest.is_untouched()


@pytest.mark.checklist("I15")
async def test_object_storage_away_accepts_nothing() -> None:
    ingest = Ingest()
    ingest.store.is_away = True
    with pytest.raises(DependencyAway):
        await ingest.submit(body_of(), ANYONE)
    assert ingest.rows.requests == {}
    # The removal could not be done either, so the sweeper has it on its list.
    assert ingest.rows.lost == set(ingest.rows.uploads)
    assert len(ingest.rows.lost) == 1


@pytest.mark.checklist("I15")
async def test_postgres_away_accepts_nothing_and_reads_nothing() -> None:
    ingest = Ingest()
    ingest.rows.is_away = True
    with pytest.raises(DependencyAway):
        await ingest.submit(body_of(), ANYONE)
    assert ingest.is_untouched()


@pytest.mark.checklist("I13")
async def test_objects_stay_when_it_is_unknown_whether_the_commit_succeeded() -> None:
    ingest = Ingest()

    def vanish() -> None:
        ingest.rows.is_away = True

    ingest.rows.after_commit = vanish
    with pytest.raises(DependencyAway):
        await ingest.submit(body_of(), ANYONE)
    assert len(ingest.rows.requests) == 1
    assert len(ingest.store.objects) == 4


@pytest.mark.checklist("I12")
async def test_the_same_key_and_body_twice_give_the_same_request() -> None:
    ingest = Ingest()
    first = await ingest.accepted(body_of(), KEYED)
    outcome = await ingest.submit(body_of(), KEYED)
    assert outcome == Accepted(first, Notes(), replayed=True)
    assert len(ingest.rows.requests) == 1
    assert ingest.announcements.announced == [first.request_id]


@pytest.mark.checklist("I12")
@pytest.mark.parametrize("other", [body_of(GOOD_CSV + "3,x,https://a.example/4.jpg\n"), body_of(quality=40)])
async def test_the_same_key_with_another_body_is_refused(other: BodyOf) -> None:
    ingest = Ingest()
    await ingest.accepted(body_of(), KEYED)
    with pytest.raises(KeyMismatch):
        await ingest.submit(other, KEYED)
    assert len(ingest.rows.requests) == 1


@pytest.mark.checklist("I12")
async def test_a_key_that_is_being_used_is_refused() -> None:
    ingest = Ingest()
    await ingest.rows.begin(Upload(RequestId("other"), KEYED, NOON + timedelta(seconds=1)), NOON)
    with pytest.raises(KeyInUse):
        await ingest.submit(body_of(), KEYED)
    assert await ingest.accepted(body_of(), Submitter(Owner("another"), "order-17"))


class EndlessBody(BodyOf):
    """Trickles for ever, once it has said that it began."""

    def __init__(self) -> None:
        super().__init__(GOOD_CSV.encode())
        self.began = asyncio.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        self.began.set()
        yield self.data
        await asyncio.Event().wait()


@pytest.mark.checklist("I2")
async def test_an_upload_that_trickles_is_cut() -> None:
    ingest = Ingest(upload_timeout=0.05)
    with pytest.raises(UploadTooSlow):
        await ingest.submit(EndlessBody(), ANYONE)
    assert ingest.is_untouched()


async def test_more_uploads_than_allowed_are_sent_away() -> None:
    ingest = Ingest(uploads_at_once=1)
    endless = EndlessBody()
    running = asyncio.create_task(ingest.submit(endless, ANYONE))
    await endless.began.wait()
    with pytest.raises(TooManyUploads):
        await ingest.submit(body_of(), ANYONE)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert ingest.is_untouched()
    assert await ingest.accepted(body_of())


async def test_one_owner_holds_half_of_the_places_and_without_keys_everybody_shares_all() -> None:
    ingest = Ingest(uploads_at_once=4)
    shop = Submitter(Owner("shop"), None, new_token().key_id)
    bodies = [EndlessBody() for _ in range(4)]
    running = [asyncio.create_task(ingest.submit(body, shop)) for body in bodies[:2]]
    await asyncio.gather(*(body.began.wait() for body in bodies[:2]))
    for key_id in (shop.key_id, new_token().key_id):
        with pytest.raises(TooManyOfOwner):
            await ingest.submit(body_of(), shop._replace(key_id=key_id))
    running += [asyncio.create_task(ingest.submit(body, ANYONE)) for body in bodies[2:]]
    await asyncio.gather(*(body.began.wait() for body in bodies[2:]))
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert await ingest.accepted(body_of(), shop)


async def test_a_body_that_breaks_off_counts_as_far_as_it_came_and_what_is_our_fault_does_not() -> None:
    ingest = Ingest()
    shop = Submitter(Owner("shop"), None, new_token().key_id)
    with pytest.raises(ConnectionError):
        await ingest.submit(BodyOf(b"x" * 40, fails=ConnectionError()), shop)
    ingest.store.is_away = True
    with pytest.raises(DependencyAway):
        await ingest.submit(body_of(), shop)
    assert [used.bytes for used in ingest.rows.used.values()] == [40]
