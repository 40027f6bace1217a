"""Ingest's process on a real Kafka, Postgres and S3: one process, and what it does with each upload."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from shared.events import ChunkAdvanced, ImageRequested, RequestAccepted
from shared.ids import LOCAL_OWNER, RequestId
from shared.topics import (
    IMAGES_REQUESTED_BULK,
    IMAGES_REQUESTED_EXPRESS,
    REQUESTS_ACCEPTED,
    REQUESTS_DELETED,
    REQUESTS_PROGRESS,
)
from tests.integration.ingest_place import IMAGES_BUCKET, Ingest, Place, place_on
from tests.ports import free_port
from tests.stack import StackForTests
from tests.unit.ingest.fakes import GOOD_CSV, csv_of, images_of
from tests.waiting import until

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(stack: StackForTests) -> AsyncIterator[Place]:
    async with place_on(stack) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ingest(place: Place) -> Ingest:
    """The one process of all tests here; those that need another one are in `test_ingest_processes.py`."""
    return await place.start()


def chunks(events: list[object]) -> list[int]:
    return sorted(event.chunk for event in events if isinstance(event, ImageRequested))


async def test_a_csv_is_accepted_announced_and_its_first_window_released(place: Place, ingest: Ingest) -> None:
    answer = await ingest.post(images_of(9).encode(), params={"quality": 40})
    assert answer.status_code == 202, answer.text
    request_id = RequestId(answer.json()["request_id"])
    (accepted,) = await place.until_events(REQUESTS_ACCEPTED, request_id, 1)
    assert isinstance(accepted, RequestAccepted)
    assert (accepted.images_total, accepted.chunks_total, accepted.window, accepted.lane) == (9, 5, 2, "bulk")
    images = await place.until_events(IMAGES_REQUESTED_BULK, request_id, 4)
    assert chunks(list(images)) == [0, 0, 1, 1]
    assert await place.objects(f"{request_id}/") == [
        f"{request_id}/input.csv",
        *(f"{request_id}/manifest/{chunk}.jsonl" for chunk in range(5)),
        f"{request_id}/request.json",
    ]


async def test_an_advance_releases_one_chunk_and_its_duplicate_none(place: Place, ingest: Ingest) -> None:
    request_id = RequestId((await ingest.post(images_of(9).encode())).json()["request_id"])
    await place.until_events(IMAGES_REQUESTED_BULK, request_id, 4)
    first, second = (
        ChunkAdvanced(request_id=request_id, owner=LOCAL_OWNER, chunk=chunk, chunks_total=5, window=2)
        for chunk in (0, 2)
    )
    await place.producer.publish(REQUESTS_PROGRESS, first, first, second)
    images = await place.until_events(IMAGES_REQUESTED_BULK, request_id, 7)
    assert chunks(list(images)) == [0, 0, 1, 1, 2, 2, 4]


async def test_a_request_of_one_chunk_takes_the_express_lane(place: Place, ingest: Ingest) -> None:
    answer = await ingest.post(csv_of("1,a,https://a.example/1.jpg", "2,b,https://a.example/1.jpg").encode())
    (image,) = await place.until_events(IMAGES_REQUESTED_EXPRESS, answer.json()["request_id"], 1)
    assert isinstance(image, ImageRequested)
    assert image.indexes == (0, 1)


async def test_an_invalid_csv_leaves_neither_objects_nor_rows(place: Place, ingest: Ingest) -> None:
    before = await place.objects()
    answer = await ingest.post(csv_of(*(f"{row},a,https://a.example/1.jpg" for row in range(50)), "x,,").encode())
    assert (answer.status_code, answer.json()["errors_total"]) == (422, 3)
    assert await place.objects() == before
    assert await place.value("SELECT count(*) FROM ingest.uploads WHERE expires_at > now()") == 0


async def test_the_same_key_twice_is_one_request_and_another_body_is_refused(place: Place, ingest: Ingest) -> None:
    headers = {"Idempotency-Key": str(free_port())}
    first = await ingest.post(GOOD_CSV.encode(), headers=headers)
    again = await ingest.post(GOOD_CSV.encode(), headers=headers)
    other = await ingest.post(images_of(2).encode(), headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 422)
    assert again.json() == first.json()


async def test_a_key_that_is_being_used_is_409_and_free_when_the_upload_breaks_off(
    place: Place, ingest: Ingest
) -> None:
    headers = {"Idempotency-Key": str(free_port()), "Content-Type": "text/csv"}
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield GOOD_CSV.encode()
        began.set()
        await go_on.wait()
        raise ConnectionAbortedError

    async with ingest.client() as client, ingest.client() as other:
        uploading = asyncio.create_task(client.post("/v1/requests", content=slow(), headers=headers))
        await began.wait()

        async def status(wanted: int) -> bool:
            answer = await other.post("/v1/requests", content=GOOD_CSV.encode(), headers=headers)
            return answer.status_code == wanted

        reserved = "SELECT count(*) FROM ingest.uploads WHERE idempotency_key = $1"

        async def is_reserved() -> bool:
            count: int = await place.value(reserved, headers["Idempotency-Key"])
            return count == 1

        await until(is_reserved)
        assert await status(409)
        go_on.set()
        await asyncio.gather(uploading, return_exceptions=True)
        await until(lambda: status(202), what="the key is free again")


async def test_a_request_that_has_ended_is_deleted_everywhere(place: Place, ingest: Ingest) -> None:
    request_id = RequestId((await ingest.post(GOOD_CSV.encode())).json()["request_id"])
    await place.store.put(IMAGES_BUCKET, f"{request_id}/0/compressed.jpg", b"x", content_type="image/jpeg")
    async with ingest.client() as client:
        assert (await client.delete(f"/v1/requests/{request_id}")).status_code == 409
        ended = "UPDATE ingest.requests SET ended_at = now() WHERE request_id = $1 RETURNING 1"
        assert await place.value(ended, request_id) == 1
        assert (await client.delete(f"/v1/requests/{request_id}")).status_code == 204
        assert (await client.delete(f"/v1/requests/{request_id}")).status_code == 404
    await place.until_events(REQUESTS_DELETED, request_id, 1)
    assert await place.objects(f"{request_id}/") == []
    assert await place.objects(f"{request_id}/", bucket=IMAGES_BUCKET) == []
    assert await place.value("SELECT count(*) FROM ingest.released_chunks WHERE request_id = $1", request_id) == 0


_TWO_HOURS_LATER = """UPDATE ingest.deleted_requests
SET deleted_at = deleted_at - interval '2 hours', remove_again_at = remove_again_at - interval '2 hours'
WHERE request_id = $1 RETURNING 1"""


async def test_a_picture_that_is_stored_after_the_deletion_is_removed_by_the_sweeper(
    place: Place, ingest: Ingest
) -> None:
    request_id = RequestId((await ingest.post(GOOD_CSV.encode())).json()["request_id"])
    assert await place.value(
        "UPDATE ingest.requests SET ended_at = now() WHERE request_id = $1 RETURNING 1", request_id
    )
    async with ingest.client() as client:
        assert (await client.delete(f"/v1/requests/{request_id}")).status_code == 204
    await place.store.put(IMAGES_BUCKET, f"{request_id}/0/compressed.jpg", b"x", content_type="image/jpeg")
    assert await place.value(_TWO_HOURS_LATER, request_id) == 1

    async def is_gone() -> bool:
        return await place.objects(f"{request_id}/", bucket=IMAGES_BUCKET) == []

    await until(is_gone, seconds=30, what="the late picture is removed")
    last = "SELECT remove_again_at - deleted_at FROM ingest.deleted_requests WHERE request_id = $1"

    async def is_noted() -> bool:
        return bool(await place.value(last, request_id) == timedelta(days=1))

    await until(is_noted, what="the last removal is noted")


async def test_events_that_belong_to_nothing_are_passed_over(place: Place, ingest: Ingest) -> None:
    stranger = RequestId("00000000-0000-4000-8000-000000000000")
    event = ChunkAdvanced(request_id=stranger, owner=LOCAL_OWNER, chunk=0, chunks_total=5, window=2)
    await place.producer.publish(REQUESTS_PROGRESS, event)
    request_id = (await ingest.post(GOOD_CSV.encode())).json()["request_id"]
    await place.until_events(IMAGES_REQUESTED_BULK, request_id, 3)


async def test_what_was_agreed_is_the_same_in_postgres_and_in_object_storage(place: Place, ingest: Ingest) -> None:
    answer = await ingest.post(
        GOOD_CSV.encode(), data={"metadata": '{"order": "Ø 17"}', "callback_url": "https://s.example/"}
    )
    request_id = answer.json()["request_id"]
    stored = json.loads(await place.store.get("test-ingest", f"{request_id}/request.json"))
    assert await place.value("SELECT request FROM ingest.requests WHERE request_id = $1", request_id) == stored
    assert stored["metadata"] == {"order": "Ø 17"}
