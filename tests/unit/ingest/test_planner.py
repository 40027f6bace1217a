"""The planner: each chunk is released once, by one event."""

import pytest

from services.ingest.adapters.s3_requests import S3Requests
from services.ingest.delete_request import DeletedRequest
from services.ingest.domain.manifest import read_manifest_chunk
from services.ingest.known_requests import KnownRequests
from services.ingest.on_chunk_advanced import OnChunkAdvanced
from services.ingest.on_request_accepted import OnRequestAccepted
from services.ingest.on_request_completed import OnRequestCompleted
from services.ingest.release_chunks import ReleaseChunks
from shared.errors import DependencyAway
from shared.events import ChunkAdvanced, ChunkCompleted, ImageRequested, RequestCompleted
from shared.kafka.records import Received, Trigger
from shared.object_keys import request_object
from shared.object_memory import MemoryObjects
from shared.topics import IMAGES_REQUESTED_BULK, IMAGES_REQUESTED_EXPRESS
from tests.unit.ingest.fakes import (
    NOON,
    REQUEST,
    ObjectsInMemory,
    RecordedFacts,
    RequestsInMemory,
    agreed,
    images_of,
    taken,
)


class Planner:
    """The handlers among their fakes, with one request of two images a chunk and a window of two chunks."""

    def __init__(self, images: int = 9, *, with_row: bool = True) -> None:
        text = images_of(images)
        self.request = agreed(text)
        self.rows = RequestsInMemory()
        if with_row:
            self.rows.requests[self.request.request_id] = self.request
        _, chunks = taken(text)
        manifest = {chunk.number: list(read_manifest_chunk(chunk.body)) for chunk in chunks}
        self.objects = ObjectsInMemory(manifest, self.request)
        self.facts = RecordedFacts()
        known = KnownRequests(self.rows, self.objects)
        release = ReleaseChunks(self.rows, self.objects, self.facts)
        self._accepted = OnRequestAccepted(known, release)
        self._advanced = OnChunkAdvanced(known, release)
        self._completed = OnRequestCompleted(known, self.rows)

    async def accepted(self, *, offset: int = 1) -> None:
        event = self.request.accepted()
        await self._accepted(Received(event, Trigger("requests.accepted.v1", 0, offset)))

    async def advanced(
        self, chunk: int, *, offset: int, said_by: type[ChunkAdvanced | ChunkCompleted] = ChunkAdvanced
    ) -> None:
        event = said_by(
            request_id=self.request.request_id,
            owner=self.request.owner,
            chunk=chunk,
            chunks_total=self.request.chunks_total,
            window=self.request.window,
        )
        await self._advanced(Received(event, Trigger("requests.progress.v1", 0, offset)))

    async def completed(self, *, offset: int = 1) -> None:
        event = RequestCompleted.model_validate(
            {
                "request_id": self.request.request_id, "owner": "local", "state": "completed", "retry_of": None,
                "images": {"total": 9, "succeeded": 9, "failed": 0, "not_attempted": 0}, "failures_by_code": {},
                "bytes": {"in": 9, "out": 3, "saved_percent": 66.7},
                "output": {"url": "u", "bucket": "b", "key": "k", "sha256": "0"}, "failures": None,
                "submitted_at": NOON, "started_at": NOON, "completed_at": NOON, "metadata": {},
            }
        )  # fmt: skip
        await self._completed(Received(event, Trigger("requests.completed.v1", 0, offset)))

    def take_published(self) -> list[int]:
        """The chunks of which images were requested since the last call, one entry an image."""
        found = [event.chunk for _, event in self.facts.published if isinstance(event, ImageRequested)]
        self.facts.published.clear()
        return found


async def test_an_accepted_request_releases_its_first_window() -> None:
    planner = Planner()
    await planner.accepted()
    assert {topic for topic, _ in planner.facts.published} == {IMAGES_REQUESTED_BULK}
    assert planner.take_published() == [0, 0, 1, 1]


async def test_a_request_of_one_chunk_takes_the_express_lane() -> None:
    planner = Planner(images=2)
    await planner.accepted()
    assert {topic for topic, _ in planner.facts.published} == {IMAGES_REQUESTED_EXPRESS}


async def test_a_chunk_that_advanced_releases_the_next_and_the_last_releases_nothing() -> None:
    planner = Planner()
    await planner.advanced(0, offset=5)
    assert planner.take_published() == [2, 2]
    await planner.advanced(2, offset=6)
    assert planner.take_published() == [4]
    await planner.advanced(3, offset=7)
    assert planner.take_published() == []


async def test_nobody_is_asked_about_a_chunk_after_which_none_comes() -> None:
    planner = Planner()
    planner.rows.is_away = True
    await planner.advanced(3, offset=5)
    with pytest.raises(DependencyAway):
        await planner.advanced(2, offset=6)


async def test_a_completion_restores_a_missing_row_and_ends_it() -> None:
    planner = Planner(with_row=False)
    await planner.completed()
    assert planner.rows.ended == {planner.request.request_id: NOON}


async def test_a_duplicate_announcement_releases_nothing() -> None:
    planner = Planner()
    await planner.accepted(offset=1)
    planner.take_published()
    await planner.accepted(offset=2)
    assert planner.take_published() == []


async def test_a_duplicate_advance_releases_nothing() -> None:
    planner = Planner()
    await planner.advanced(0, offset=5)
    planner.take_published()
    await planner.advanced(0, offset=6)
    assert planner.take_published() == []


async def test_a_completed_chunk_releases_what_its_lost_advance_would_have_and_no_more() -> None:
    planner = Planner()
    await planner.advanced(0, offset=5, said_by=ChunkCompleted)
    assert planner.take_published() == [2, 2]
    await planner.advanced(1, offset=6)
    await planner.advanced(1, offset=7, said_by=ChunkCompleted)
    assert planner.take_published() == [3, 3]


async def test_the_very_same_event_delivered_twice_repeats_its_release() -> None:
    planner = Planner()
    await planner.accepted(offset=1)
    await planner.accepted(offset=1)
    assert planner.take_published() == [0, 0, 1, 1, 0, 0, 1, 1]


async def test_the_very_same_advance_delivered_twice_repeats_its_release() -> None:
    planner = Planner()
    await planner.advanced(1, offset=5)
    await planner.advanced(1, offset=5)
    assert planner.take_published() == [3, 3, 3, 3]


async def test_what_kafka_did_not_take_is_released_by_the_redelivery() -> None:
    planner = Planner()
    planner.facts.is_away = True
    with pytest.raises(DependencyAway):
        await planner.accepted(offset=1)
    planner.facts.is_away = False
    await planner.accepted(offset=1)
    assert planner.take_published() == [0, 0, 1, 1]


async def test_a_request_that_ended_releases_nothing_more() -> None:
    planner = Planner()
    await planner.completed()
    await planner.advanced(0, offset=5)
    await planner.accepted(offset=1)
    assert planner.take_published() == []


async def test_a_request_that_was_cancelled_releases_nothing_more_not_even_again() -> None:
    planner = Planner()
    await planner.accepted(offset=1)
    planner.take_published()
    await planner.rows.mark_cancelled(planner.request.request_id, planner.request.owner, NOON)
    await planner.advanced(0, offset=5)
    await planner.accepted(offset=1)
    assert planner.take_published() == []


async def test_a_completion_delivered_twice_ends_the_request_once() -> None:
    planner = Planner()
    await planner.completed(offset=1)
    await planner.completed(offset=1)
    assert planner.rows.ended == {planner.request.request_id: NOON}


async def test_a_missing_row_is_restored_from_the_request_file() -> None:
    planner = Planner(with_row=False)
    await planner.accepted()
    assert planner.take_published() == [0, 0, 1, 1]
    assert planner.rows.requests == {planner.request.request_id: planner.request}


async def test_a_request_that_was_deleted_is_not_restored_from_a_file_that_came_late() -> None:
    planner = Planner(with_row=False)
    name = planner.request.request_id
    planner.rows.gone = {name: DeletedRequest(name, NOON)}
    await planner.accepted()
    assert (planner.take_published(), planner.rows.requests) == ([], {})


async def test_a_request_of_which_nothing_is_left_releases_nothing() -> None:
    planner = Planner(with_row=False)
    planner.objects.file = None
    await planner.accepted()
    await planner.advanced(0, offset=5)
    await planner.completed()
    assert planner.take_published() == []
    assert planner.rows.ended == {}


@pytest.mark.parametrize("damaged", [b"", b"{", b"{}", b"\xff"], ids=["empty", "cut", "without fields", "bytes"])
async def test_a_damaged_request_file_counts_as_gone_and_nobody_ends_over_it(damaged: bytes) -> None:
    store, rows = MemoryObjects(), RequestsInMemory()
    known = KnownRequests(rows, S3Requests(store, "requests", images_bucket="images"))
    await store.put("requests", request_object(REQUEST), damaged, content_type="application/json")
    assert await known.find(REQUEST) is None
    assert rows.requests == {}
