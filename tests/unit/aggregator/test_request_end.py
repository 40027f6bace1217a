"""The end of a request: claimed once, repeatable by the same event only, the same whatever comes late."""

import pytest

from services.aggregator.domain.completion import Places
from services.aggregator.known_requests import KnownRequests
from services.aggregator.on_cancel_requested import OnCancelRequested
from services.aggregator.on_chunk_completed import OnChunkCompleted
from services.aggregator.on_deadline_passed import OnDeadlinePassed
from services.aggregator.on_request_accepted import OnRequestAccepted
from services.aggregator.on_request_assembled import OnRequestAssembled
from services.aggregator.on_request_completed import OnRequestCompleted
from services.aggregator.on_request_deleted import OnRequestDeleted
from services.aggregator.request_end import RequestEnd
from services.aggregator.request_images import RequestImages
from shared.errors import DependencyAway
from shared.events import (
    CancelRequested,
    ChunkCompleted,
    DeadlinePassed,
    RequestAssembled,
    RequestCompleted,
    RequestDeleted,
)
from shared.ids import LOCAL_OWNER, RequestId
from shared.request_files import RequestFile
from tests.unit.aggregator.fakes import (
    NOON,
    REQUEST,
    FakeCsvs,
    FakeFacts,
    FakeFiles,
    FakeRequestRows,
    FakeResults,
    noon,
    processed,
    received,
    request_file,
)


class Stage:
    """The handlers of the finisher with their stand-ins."""

    def __init__(self, file: RequestFile | None = None) -> None:
        self.file = file or request_file()
        self.rows, self.results, self.csvs, self.facts = FakeRequestRows(), FakeResults(), FakeCsvs(), FakeFacts()
        self.files = FakeFiles(self.file)
        self.known = KnownRequests(self.rows, self.files, now=noon)
        images = RequestImages(self.known, self.results)
        end = RequestEnd(self.known, self.rows, self.results, images=images, csvs=self.csvs, facts=self.facts, now=noon)
        self.on_chunk_completed = OnChunkCompleted(self.known, self.results, end)
        self.on_cancel_requested = OnCancelRequested(self.known, end)
        self.on_deadline_passed = OnDeadlinePassed(self.known, end)
        self.on_request_accepted = OnRequestAccepted(self.known, end)
        places = Places("https://pixelmill.example", "requests")
        self.on_request_assembled = OnRequestAssembled(self.known, self.rows, places=places, now=noon)
        self.on_request_completed = OnRequestCompleted(self.rows, now=noon)
        self.on_request_deleted = OnRequestDeleted(self.rows)

    async def record(self, *, failing: tuple[int, ...] = ()) -> None:
        total = self.file.images_total
        await self.results.record([processed(index, offset=index, fails=index in failing) for index in range(total)])

    def assembled(self) -> list[RequestAssembled]:
        return [event for event in self.facts.published if isinstance(event, RequestAssembled)]


def chunk_completed(chunk: int, request_id: RequestId = REQUEST) -> ChunkCompleted:
    return ChunkCompleted(request_id=request_id, owner=LOCAL_OWNER, chunk=chunk, chunks_total=2, window=2)


CANCEL = CancelRequested(request_id=REQUEST, owner=LOCAL_OWNER, reason="by its owner")
DEADLINE = DeadlinePassed(request_id=REQUEST, owner=LOCAL_OWNER, reason="too old")


async def test_the_last_chunk_ends_the_request() -> None:
    stage = Stage()
    await stage.record(failing=(2,))
    await stage.on_chunk_completed(received(chunk_completed(0), 5))
    assert stage.assembled() == []
    await stage.on_chunk_completed(received(chunk_completed(1), 6))
    (assembled,) = stage.assembled()
    assert assembled.state == "completed"
    assert assembled.output_key == f"{REQUEST}/output.csv"
    assert assembled.failures_key == f"{REQUEST}/failures.csv"


async def test_a_request_without_failures_has_no_failures_file() -> None:
    stage = Stage()
    await stage.record()
    for chunk in (0, 1):
        await stage.on_chunk_completed(received(chunk_completed(chunk), chunk))
    assert stage.csvs.written == [False]
    assert stage.assembled()[0].failures_key is None


async def test_a_request_of_which_nothing_succeeded_has_failed() -> None:
    stage = Stage()
    await stage.record(failing=tuple(range(8)))
    for chunk in (0, 1):
        await stage.on_chunk_completed(received(chunk_completed(chunk), chunk))
    assert stage.assembled()[0].state == "failed"


async def test_the_claiming_event_handled_twice_says_it_again_without_writing_again() -> None:
    stage = Stage()
    await stage.record()
    await stage.on_chunk_completed(received(chunk_completed(0), 5))
    for _ in range(2):
        await stage.on_chunk_completed(received(chunk_completed(1), 6))
    assert len(stage.assembled()) == 2
    assert len(stage.csvs.written) == 1


@pytest.mark.checklist("A1")
async def test_a_duplicate_in_another_record_ends_nothing() -> None:
    stage = Stage()
    await stage.record()
    for offset, chunk in enumerate((0, 0, 1, 1, 0)):
        await stage.on_chunk_completed(received(chunk_completed(chunk), offset))
    assert len(stage.assembled()) == 1


async def test_an_end_that_was_claimed_and_not_announced_is_announced_by_the_same_event() -> None:
    stage = Stage()
    await stage.record()
    await stage.on_chunk_completed(received(chunk_completed(0), 5))
    stage.facts.failures = 1
    with pytest.raises(DependencyAway):
        await stage.on_chunk_completed(received(chunk_completed(1), 6))
    await stage.on_cancel_requested(received(CANCEL, 7))
    await stage.on_chunk_completed(received(chunk_completed(1), 6))
    assert [event.state for event in stage.assembled()] == ["completed"]


@pytest.mark.checklist("A3")
async def test_a_cancelled_request_counts_what_it_has_and_late_results_change_nothing() -> None:
    stage = Stage()
    await stage.results.record([processed(0, offset=0)])
    await stage.on_cancel_requested(received(CANCEL, 3))
    await stage.record()
    await stage.on_cancel_requested(received(CANCEL, 3))
    await stage.on_cancel_requested(received(CANCEL, 4))
    await stage.on_deadline_passed(received(DEADLINE, 5))
    assert [event.state for event in stage.assembled()] == ["cancelled", "cancelled"]
    tally = stage.rows.rows[REQUEST].tally
    assert tally is not None
    assert (tally.succeeded, tally.not_attempted) == (1, 7)
    assert stage.csvs.written == [True]


@pytest.mark.checklist("A7")
async def test_a_request_that_is_too_old_expires_also_twice() -> None:
    stage = Stage()
    for _ in range(2):
        await stage.on_deadline_passed(received(DEADLINE, 5))
    assert [event.state for event in stage.assembled()] == ["expired", "expired"]


async def test_an_accepted_request_handled_twice_has_one_row() -> None:
    stage = Stage()
    for _ in range(2):
        await stage.on_request_accepted(received(stage.file.accepted()))
    assert list(stage.rows.rows) == [REQUEST]
    assert stage.assembled() == []


async def test_a_request_without_images_ends_when_it_is_accepted() -> None:
    stage = Stage(request_file(images=0))
    for _ in range(2):
        await stage.on_request_accepted(received(stage.file.accepted(), 1))
    assert [event.state for event in stage.assembled()] == ["completed", "completed"]
    assert len(stage.csvs.written) == 1


async def test_events_of_a_deleted_request_hold_nobody_up() -> None:
    stage = Stage()
    stage.files.files.clear()
    await stage.on_chunk_completed(received(chunk_completed(0)))
    await stage.on_cancel_requested(received(CANCEL))
    await stage.on_deadline_passed(received(DEADLINE))
    await stage.on_request_accepted(received(stage.file.accepted()))
    assembled = RequestAssembled(
        request_id=REQUEST, owner=LOCAL_OWNER, state="failed", output_key="k", failures_key=None
    )
    assert await stage.on_request_assembled(received(assembled)) is None
    assert stage.facts.published == []


async def test_a_request_deleted_twice_is_gone_and_what_comes_late_brings_nothing_back() -> None:
    stage = Stage()
    await complete(stage)
    said = list(stage.facts.published)
    stage.files.files.clear()
    for offset in (7, 7):
        await stage.on_request_deleted(received(RequestDeleted(request_id=REQUEST, owner=LOCAL_OWNER), offset))
    await stage.on_chunk_completed(received(chunk_completed(1), 1))
    await stage.on_cancel_requested(received(CANCEL))
    assert stage.rows.rows == {}
    assert stage.facts.published == said


async def test_what_the_manifest_says_comes_with_the_chunks_and_the_rest_with_the_end() -> None:
    stage = Stage()
    await stage.record()
    await stage.on_chunk_completed(received(chunk_completed(0)))
    assert sorted(index for _, index in stage.results.images) == [0, 1, 2, 3]
    await stage.on_cancel_requested(received(CANCEL, 1))
    assert sorted(index for _, index in stage.results.images) == list(range(8))


@pytest.mark.parametrize("has_row", [True, False], ids=["known", "unknown"])
async def test_events_of_a_damaged_request_are_passed_over_and_end_nothing_else(has_row: bool) -> None:
    stage = Stage()
    if has_row:
        await stage.known.row(REQUEST)
    stage.files.damaged.add(REQUEST)
    for answer in (
        stage.on_request_accepted(received(stage.file.accepted())),
        stage.on_chunk_completed(received(chunk_completed(0))),
        stage.on_cancel_requested(received(CANCEL, 1)),
        stage.on_deadline_passed(received(DEADLINE, 2)),
    ):
        await answer
    assert stage.assembled() == []


async def complete(stage: Stage) -> RequestAssembled:
    await stage.record(failing=(2,))
    await stage.results.record([])
    for chunk in (0, 1):
        await stage.on_chunk_completed(received(chunk_completed(chunk), chunk))
    return stage.assembled()[0]


@pytest.mark.checklist("A3")
async def test_the_completion_tells_all() -> None:
    stage = Stage()
    completion = await stage.on_request_assembled(received(await complete(stage), 9))
    assert isinstance(completion, RequestCompleted)
    assert completion.model_dump(mode="json") == {
        "request_id": REQUEST,
        "owner": "local",
        "state": "completed",
        "retry_of": None,
        "images": {"total": 8, "succeeded": 7, "failed": 1, "not_attempted": 0},
        "failures_by_code": {"timeout": 1},
        "bytes": {"in": 700, "out": 175, "saved_percent": 75.0},
        "output": {
            "url": f"https://pixelmill.example/v1/requests/{REQUEST}/output.csv",
            "bucket": "requests",
            "key": f"{REQUEST}/output.csv",
            "sha256": "aa" * 32,
        },
        "failures": {
            "url": f"https://pixelmill.example/v1/requests/{REQUEST}/failures.csv",
            "bucket": "requests",
            "key": f"{REQUEST}/failures.csv",
            "sha256": "bb" * 32,
        },
        "submitted_at": "2026-03-01T12:00:00.000Z",
        "started_at": None,
        "completed_at": "2026-03-01T12:00:00.000Z",
        "metadata": {"order": 17},
    }


@pytest.mark.checklist("A1")
async def test_the_same_assembled_event_twice_gives_the_same_completion_and_another_gives_none() -> None:
    stage = Stage()
    assembled = await complete(stage)
    first = await stage.on_request_assembled(received(assembled, 9))
    assert first is not None
    assert await stage.on_request_assembled(received(assembled, 9)) == first
    assert await stage.on_request_assembled(received(assembled, 10)) is None


async def test_once_published_not_even_the_same_event_publishes_again() -> None:
    stage = Stage()
    assembled = await complete(stage)
    completion = await stage.on_request_assembled(received(assembled, 9))
    assert completion is not None
    for _ in range(2):
        await stage.on_request_completed(received(completion))
    assert await stage.on_request_assembled(received(assembled, 9)) is None


async def test_a_missing_row_is_inserted_from_the_request_file() -> None:
    stage = Stage()
    row = await stage.known.row(REQUEST)
    assert (row.images_total, row.submitted_at) == (8, NOON)
    await stage.known.row(REQUEST)
    assert stage.files.reads == 1
