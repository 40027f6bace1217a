"""Ingest's part in cancelling and retrying, on a real Kafka, Postgres and S3."""

import json
from collections.abc import AsyncIterator
from uuid import NAMESPACE_OID, uuid5

import httpx2
import pytest
import pytest_asyncio

from shared import object_keys
from shared.events import CancelRequested, ChunkAdvanced, ImageRequested, RequestAccepted, RetryRequested
from shared.ids import LOCAL_OWNER, RequestId
from shared.topics import IMAGES_REQUESTED_BULK, REQUESTS_ACCEPTED, REQUESTS_PROGRESS
from tests.integration.ingest_place import BUCKET, Ingest, Place, place_on
from tests.stack import StackForTests
from tests.unit.ingest.fakes import images_of
from tests.waiting import until

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]

IMAGES = 9
CHUNKS = 5


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(stack: StackForTests) -> AsyncIterator[Place]:
    async with place_on(stack) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ingest(place: Place) -> Ingest:
    return await place.start()


async def submitted(place: Place, ingest: Ingest) -> RequestId:
    """A request of nine images in chunks of two, of which two are released."""
    request_id = RequestId((await ingest.post(images_of(IMAGES).encode())).json()["request_id"])
    await place.until_events(IMAGES_REQUESTED_BULK, request_id, 4)
    return request_id


async def steer(ingest: Ingest, request_id: str, what: str, **headers: str) -> httpx2.Response:
    async with ingest.client() as client:
        return await client.post(f"/v1/requests/{request_id}/{what}", headers=headers)


async def end(place: Place, request_id: RequestId, *, failed: set[int]) -> None:
    """Leave behind what the end of a request does. Images 0 and 1 share one picture."""
    lines = [
        {"index": index, "outcome": "failed", "keys": {}}
        if index in failed
        else {"index": index, "outcome": "succeeded", "keys": {"compressed": key_of(request_id, max(index, 1) - 1)}}
        for index in range(IMAGES)
    ]
    body = "".join(json.dumps(line) + "\n" for line in lines).encode()
    if failed:
        await place.store.put(BUCKET, object_keys.failures_csv(request_id), b"x", content_type="text/csv")
    await place.store.put(BUCKET, object_keys.results(request_id), body, content_type="application/jsonl")


def key_of(request_id: RequestId, index: int) -> str:
    return object_keys.image(request_id, index, rendition="compressed", extension="jpg")


async def test_a_cancelled_request_is_said_to_be_and_releases_nothing_more(place: Place, ingest: Ingest) -> None:
    request_id = await submitted(place, ingest)
    answers = [await steer(ingest, request_id, "cancel") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["state"] == "processing"
    advanced = ChunkAdvanced(request_id=request_id, owner=LOCAL_OWNER, chunk=0, chunks_total=CHUNKS, window=2)
    await place.producer.publish(REQUESTS_PROGRESS, advanced)
    other = await submitted(place, ingest)
    further = advanced.model_copy(update={"request_id": other})
    await place.producer.publish(REQUESTS_PROGRESS, further)
    await place.until_events(IMAGES_REQUESTED_BULK, other, 6)
    said = [event for event in await place.events(REQUESTS_PROGRESS, request_id) if isinstance(event, CancelRequested)]
    assert len(said) == 2
    assert len(await place.events(IMAGES_REQUESTED_BULK, request_id)) == 4


async def test_a_retry_asks_for_copies_of_what_succeeded_and_for_the_rest(place: Place, ingest: Ingest) -> None:
    request_id = await submitted(place, ingest)
    assert (await steer(ingest, request_id, "retry")).status_code == 409
    await end(place, request_id, failed={3})
    answer = await steer(ingest, request_id, "retry")
    assert (answer.status_code, answer.json()["retry_of"], answer.json()["carried_over"]) == (202, request_id, 8)
    retry = RequestId(answer.json()["request_id"])
    asked = await place.until_events(IMAGES_REQUESTED_BULK, retry, 4)
    keys = {
        event.indexes: None if event.carry_over is None else event.carry_over.renditions[0].key
        for event in asked
        if isinstance(event, ImageRequested)
    }
    assert keys == {(0,): key_of(request_id, 0), (1,): key_of(request_id, 0), (2,): key_of(request_id, 1), (3,): None}
    assert await place.store.get(BUCKET, object_keys.input_csv(retry)) == images_of(IMAGES).encode()
    stored = json.loads(await place.store.get(BUCKET, object_keys.request_object(retry)))
    assert await place.value("SELECT request FROM ingest.requests WHERE request_id = $1", retry) == stored
    assert await place.value("SELECT count(*) FROM ingest.uploads WHERE request_id = $1", retry) == 0


async def test_the_same_key_twice_is_one_retry_and_a_request_without_failures_has_none(
    place: Place, ingest: Ingest
) -> None:
    first, second = [RequestId((await ingest.post(images_of(IMAGES).encode())).json()["request_id"]) for _ in range(2)]
    await end(place, first, failed={0})
    await end(place, second, failed=set())
    key = {"Idempotency-Key": f"retry-{first}"}
    answers = [await steer(ingest, first, "retry", **key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert (await steer(ingest, second, "retry", **key)).status_code == 422
    refused = await steer(ingest, second, "retry")
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "nothing-to-retry")
    assert await place.value("SELECT count(*) FROM ingest.requests WHERE request->>'retry_of' = $1", first) == 1


async def test_a_replayed_letter_has_its_request_retried_once(place: Place, ingest: Ingest) -> None:
    running, ended = await submitted(place, ingest), await submitted(place, ingest)
    await end(place, ended, failed={1})
    for request_id in (running, ended, ended):
        named = RequestId(str(uuid5(NAMESPACE_OID, request_id)))
        event = RetryRequested(request_id=request_id, owner=LOCAL_OWNER, retry_id=named, reason="Replayed.")
        await place.producer.publish(REQUESTS_PROGRESS, event)
    counted = "SELECT request_id FROM ingest.requests WHERE request->>'retry_of' = $1"

    async def retry() -> str | None:
        found: str | None = await place.value(counted, ended)
        return found

    await until(retry, seconds=30, what="the retry is accepted")
    (accepted,) = await place.until_events(REQUESTS_ACCEPTED, await retry() or "", 1)
    assert isinstance(accepted, RequestAccepted)
    assert accepted.images_total == IMAGES
    assert await place.value(counted, running) is None
