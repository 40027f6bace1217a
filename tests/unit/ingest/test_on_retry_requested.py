"""`retry.requested`: one event asks for one request, however often it is delivered and whatever broke off."""

import asyncio
from typing import Any

import pytest

from services.ingest.csv_upload import Submitter, Upload
from services.ingest.delete_request import DeletedRequest
from services.ingest.on_retry_requested import ROUNDS
from services.ingest.retry_request import RETRIES_AT_ONCE
from shared import object_keys
from shared.errors import DependencyAway
from shared.ids import LOCAL_OWNER, Owner, RequestId
from tests.unit.ingest.fakes import NOON, REQUEST
from tests.unit.ingest.retrying import ASKED, BUCKET, NAMED, Retrying
from tests.waiting import until

OTHER = RequestId("92222222-2222-5333-8444-555555555555")


async def test_an_event_asks_for_the_request_that_it_names() -> None:
    retrying = Retrying()
    await retrying.asked_by_event()
    assert retrying.rows.requests[NAMED].retry_of == REQUEST
    assert retrying.announcements.announced == [NAMED]


async def test_an_event_delivered_twice_asks_for_one_and_one_with_another_name_for_another() -> None:
    retrying = Retrying()
    await retrying.asked_by_event()
    await retrying.asked_by_event()
    assert len(retrying.rows.requests) == 2
    await retrying.asked_by_event(OTHER)
    assert len(retrying.rows.requests) == 3


async def test_what_a_crash_began_the_redelivery_begins_anew() -> None:
    retrying = Retrying()
    retrying.rows.uploads[NAMED] = Upload(NAMED, Submitter(LOCAL_OWNER, None), NOON)
    retrying.store.objects[BUCKET, object_keys.manifest_chunk(NAMED, 0)] = b"half"
    await retrying.asked_by_event()
    assert len(retrying.images(retrying.rows.requests[NAMED])) == 5
    assert retrying.rows.uploads == {}


async def test_an_event_that_finds_a_part_away_is_tried_again_and_removes_nothing() -> None:
    retrying = Retrying()
    retrying.rows.after_commit = lambda: setattr(retrying.rows, "is_away", True)
    with pytest.raises(DependencyAway):
        await retrying.asked_by_event()
    retrying.rows.is_away = False
    assert len(retrying.objects_of(NAMED)) == 5
    await retrying.asked_by_event()
    assert NAMED in retrying.rows.requests


async def test_an_event_whose_upload_was_swept_meanwhile_begins_anew() -> None:
    retrying = Retrying()
    put = retrying.store.put

    async def swept(bucket: str, key: str, data: bytes | memoryview, **options: Any) -> None:
        await put(bucket, key, data, **options)
        retrying.rows.uploads.clear()
        retrying.store.put = put  # type: ignore[method-assign]  # as it was

    retrying.store.put = swept  # type: ignore[method-assign]  # a sweep between two steps
    await retrying.asked_by_event()
    assert NAMED in retrying.rows.requests
    assert retrying.rows.uploads == {}


async def test_a_retry_that_is_too_slow_each_time_is_passed_over() -> None:
    retrying = Retrying()
    rounds, put = [], retrying.store.put

    async def swept(bucket: str, key: str, data: bytes | memoryview, **options: Any) -> None:
        await put(bucket, key, data, **options)
        if key == object_keys.request_object(NAMED):
            rounds.append(retrying.rows.uploads.pop(NAMED))

    retrying.store.put = swept  # type: ignore[method-assign]  # a sweep before each commit
    await retrying.asked_by_event()
    assert len(rounds) == ROUNDS
    assert list(retrying.rows.requests) == [REQUEST]


async def test_whoever_works_at_an_event_writes_the_same_request() -> None:
    retrying = Retrying()
    await retrying.asked_by_event()
    written = retrying.store.objects[BUCKET, object_keys.request_object(NAMED)]
    assert retrying.rows.requests.pop(NAMED).accepted_at == ASKED
    await retrying.asked_by_event()
    assert retrying.store.objects[BUCKET, object_keys.request_object(NAMED)] == written


async def test_events_and_callers_share_the_places_for_retries() -> None:
    retrying = Retrying()
    go = asyncio.Event()
    put, waiting = retrying.store.put, []

    async def held(bucket: str, key: str, data: bytes | memoryview, **options: Any) -> None:
        if key.endswith("request.json"):
            waiting.append(key)
            await go.wait()
        await put(bucket, key, data, **options)

    retrying.store.put = held  # type: ignore[method-assign]  # a slow store
    names = [RequestId(f"9{number}111111-2222-5333-8444-555555555555") for number in range(RETRIES_AT_ONCE + 1)]
    asked = [asyncio.create_task(retrying.asked_by_event(name)) for name in names]
    await until(lambda: len(waiting) == RETRIES_AT_ONCE)
    refused = await retrying.post()
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    go.set()
    await asyncio.gather(*asked)
    assert len(retrying.rows.requests) == 1 + len(names)


@pytest.mark.parametrize("retrying", [Retrying("sssss"), Retrying(ended=False)], ids=["flawless", "running"])
async def test_an_event_that_the_state_does_not_allow_is_passed_over(retrying: Retrying) -> None:
    await retrying.asked_by_event()
    assert list(retrying.rows.requests) == [REQUEST]
    assert retrying.rows.lost == set(retrying.rows.uploads) == {NAMED}


async def test_an_event_that_names_a_deleted_request_makes_nothing() -> None:
    retrying = Retrying()
    retrying.rows.gone = {NAMED: DeletedRequest(NAMED, NOON)}
    await retrying.asked_by_event()
    assert list(retrying.rows.requests) == [REQUEST]
    assert (retrying.rows.uploads, retrying.objects_of(NAMED)) == ({}, [])


async def test_an_event_about_a_request_that_is_gone_or_of_somebody_else_is_passed_over() -> None:
    retrying = Retrying()
    await retrying.asked_by_event(owner=Owner("somebody"))
    assert list(retrying.rows.requests) == [REQUEST]
    retrying.rows.requests.clear()
    await retrying.asked_by_event(OTHER)
    assert retrying.rows.requests == {}
