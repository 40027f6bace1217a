"""Ingest's process on a real Kafka, Postgres and S3."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from shared.events import ChunkAdvanced, ImageRequested, RequestAccepted
from shared.ids import LOCAL_OWNER, RequestId
from shared.topics import (
    IMAGES_REQUESTED_BULK,
    IMAGES_REQUESTED_EXPRESS,
    REQUESTS_ACCEPTED,
    REQUESTS_DELETED,
    REQUESTS_PROGRESS,
)
from tests.integration.ingest_place import IMAGES_BUCKET, Place, place_on
from tests.ports import free_port
from tests.stack import StackForTests
from tests.unit.ingest.fakes import GOOD_CSV, csv_of, images_of
from tests.waiting import until

pytestmark = pytest.mark.stack


@pytest.fixture
async def place(stack: StackForTests) -> AsyncIterator[Place]:
    async with place_on(stack) as opened:
        yield opened


def nowhere() -> str:
    return f"127.0.0.1:{free_port()}"


def chunks(events: list[object]) -> list[int]:
    return sorted(event.chunk for event in events if isinstance(event, ImageRequested))


async def test_a_csv_is_accepted_announced_and_its_first_window_released(place: Place) -> None:
    ingest = await place.start()
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
    assert await ingest.stop() == 0


async def test_an_advance_releases_one_chunk_and_its_duplicate_none(place: Place) -> None:
    ingest = await place.start()
    request_id = RequestId((await ingest.post(images_of(9).encode())).json()["request_id"])
    await place.until_events(IMAGES_REQUESTED_BULK, request_id, 4)
    first, second = (
        ChunkAdvanced(request_id=request_id, owner=LOCAL_OWNER, chunk=chunk, chunks_total=5, window=2)
        for chunk in (0, 2)
    )
    await place.producer.publish(REQUESTS_PROGRESS, first, first, second)
    images = await place.until_events(IMAGES_REQUESTED_BULK, request_id, 7)
    assert chunks(list(images)) == [0, 0, 1, 1, 2, 2, 4]


async def test_a_request_of_one_chunk_takes_the_express_lane(place: Place) -> None:
    ingest = await place.start()
    answer = await ingest.post(csv_of("1,a,https://a.example/1.jpg", "2,b,https://a.example/1.jpg").encode())
    (image,) = await place.until_events(IMAGES_REQUESTED_EXPRESS, answer.json()["request_id"], 1)
    assert isinstance(image, ImageRequested)
    assert image.indexes == (0, 1)


async def test_an_invalid_csv_leaves_neither_objects_nor_rows(place: Place) -> None:
    ingest = await place.start("api")
    before = await place.objects()
    answer = await ingest.post(csv_of(*(f"{row},a,https://a.example/1.jpg" for row in range(50)), "x,,").encode())
    assert (answer.status_code, answer.json()["errors_total"]) == (422, 3)
    assert await place.objects() == before
    assert await place.value("SELECT count(*) FROM ingest.uploads WHERE expires_at > now()") == 0


async def test_postgres_away_is_503_and_nothing_is_accepted(place: Place) -> None:
    ingest = await place.start("api", ready="/healthz", DATABASE_URL=f"postgresql://pixelmill@{nowhere()}/pixelmill")
    before = await place.objects()
    answer = await ingest.post(GOOD_CSV.encode())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert await place.objects() == before
    assert await ingest.answers("/readyz") == 503


async def test_object_storage_away_is_503_and_nothing_is_accepted(place: Place) -> None:
    ingest = await place.start("api", ready="/healthz", S3_ENDPOINT=f"http://{nowhere()}")
    before = await place.value("SELECT count(*) FROM ingest.requests")
    answer = await ingest.post(GOOD_CSV.encode())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert await place.value("SELECT count(*) FROM ingest.requests") == before


async def test_kafka_away_is_202_and_it_starts_when_kafka_is_back(place: Place) -> None:
    ingest = await place.start(KAFKA_BOOTSTRAP_SERVERS=nowhere())
    answer = await ingest.post(GOOD_CSV.encode())
    assert answer.status_code == 202
    request_id = answer.json()["request_id"]
    await ingest.kill()
    await place.start()
    await place.until_events(REQUESTS_ACCEPTED, request_id, 1)
    await place.until_events(IMAGES_REQUESTED_BULK, request_id, 3)
    announced = "SELECT announced_at IS NOT NULL FROM ingest.requests WHERE request_id = $1"

    async def is_noted() -> object:
        return await place.value(announced, request_id)

    await until(is_noted, what="the announcement is noted")


async def test_the_same_key_twice_is_one_request_and_another_body_is_refused(place: Place) -> None:
    ingest = await place.start("api")
    headers = {"Idempotency-Key": str(free_port())}
    first = await ingest.post(GOOD_CSV.encode(), headers=headers)
    again = await ingest.post(GOOD_CSV.encode(), headers=headers)
    other = await ingest.post(images_of(2).encode(), headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 422)
    assert again.json() == first.json()


async def test_a_key_that_is_being_used_is_409_and_free_when_the_upload_breaks_off(place: Place) -> None:
    ingest = await place.start("api")
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


async def test_an_upload_beyond_the_limit_reads_its_413_while_it_is_still_sending(place: Place) -> None:
    ingest = await place.start("api", MAX_UPLOAD_BYTES="100000")
    answer = await ingest.post(b"x" * 3_000_000)
    assert answer.status_code == 413


async def test_a_trickling_upload_is_cut_and_leaves_nothing(place: Place) -> None:
    ingest = await place.start("api", UPLOAD_TIMEOUT_SECONDS="0.5")
    before = await place.objects()

    async def trickle() -> AsyncIterator[bytes]:
        yield GOOD_CSV.encode()
        while True:
            await asyncio.sleep(0.05)
            yield b"\n"

    async with ingest.client() as client:
        try:
            answer = await client.post("/v1/requests", content=trickle(), headers={"Content-Type": "text/csv"})
            assert answer.status_code == 408
        except httpx2.TransportError:
            pass  # the connection is closed while the client still sends
    await until(lambda: _is_same(place, before), what="nothing is left of the upload")


async def test_a_request_that_has_ended_is_deleted_everywhere(place: Place) -> None:
    ingest = await place.start()
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


async def test_a_picture_that_is_stored_after_the_deletion_is_removed_by_the_sweeper(place: Place) -> None:
    ingest = await place.start()
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


async def test_rules_and_recipes_come_from_files(place: Place, tmp_path: Path) -> None:
    rules, recipes = tmp_path / "rules.json", tmp_path / "recipes.json"
    rules.write_text('{"name": {"names": ["Artikel"], "required": false}}')
    recipes.write_text('{"default": [{"name": "compressed", "quality": 33}], "small": [{"name": "compressed"}]}')
    ingest = await place.start("api", CSV_RULES_FILE=str(rules), RECIPES_FILE=str(recipes))
    answer = await ingest.post("Serial Number;Artikel;Image URLs\n1;;https://a.example/1.jpg\n".encode("utf-16"))
    assert answer.status_code == 202, answer.text
    assert answer.json()["csv"] == {"encoding": "utf-16", "delimiter": ";", "line_ending": "\n", "bom": True}
    stored = json.loads(await place.store.get("test-ingest", f"{answer.json()['request_id']}/request.json"))
    assert stored["recipe"]["renditions"][0]["quality"] == 33
    refused = await ingest.post(GOOD_CSV.encode(), params={"recipe": "with_thumbnail"})
    assert (refused.status_code, "default, small" in refused.text) == (422, True)


async def _is_same(place: Place, before: list[str]) -> bool:
    return await place.objects() == before


async def test_events_that_belong_to_nothing_are_passed_over(place: Place) -> None:
    await place.start()
    stranger = RequestId("00000000-0000-4000-8000-000000000000")
    event = ChunkAdvanced(request_id=stranger, owner=LOCAL_OWNER, chunk=0, chunks_total=5, window=2)
    await place.producer.publish(REQUESTS_PROGRESS, event)
    ingest = place.started[0]
    request_id = (await ingest.post(GOOD_CSV.encode())).json()["request_id"]
    await place.until_events(IMAGES_REQUESTED_BULK, request_id, 3)


async def test_what_was_agreed_is_the_same_in_postgres_and_in_object_storage(place: Place) -> None:
    ingest = await place.start("api")
    answer = await ingest.post(
        GOOD_CSV.encode(), data={"metadata": '{"order": "Ø 17"}', "callback_url": "https://s.example/"}
    )
    request_id = answer.json()["request_id"]
    stored = json.loads(await place.store.get("test-ingest", f"{request_id}/request.json"))
    assert await place.value("SELECT request FROM ingest.requests WHERE request_id = $1", request_id) == stored
    assert stored["metadata"] == {"order": "Ø 17"}
