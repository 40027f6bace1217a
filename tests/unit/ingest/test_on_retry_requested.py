"""`retry.requested`: one event asks for one request, however often it is delivered and whatever broke off."""

from typing import Any

import pytest

from services.ingest.acceptance import COMMIT_GRACE
from services.ingest.csv_upload import Submitter, Upload
from shared import object_keys
from shared.errors import DependencyAway
from shared.ids import LOCAL_OWNER, Owner, RequestId
from tests.unit.ingest.fakes import NOON, REQUEST
from tests.unit.ingest.retrying import BUCKET, LATER, NAMED, TIMEOUT, Retrying

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


async def test_an_event_whose_upload_was_swept_meanwhile_is_tried_again() -> None:
    retrying = Retrying()
    put = retrying.store.put

    async def swept(bucket: str, key: str, data: bytes | memoryview, **options: Any) -> None:
        await put(bucket, key, data, **options)
        retrying.rows.uploads.clear()

    retrying.store.put = swept  # type: ignore[method-assign]  # a sweep between two steps
    with pytest.raises(DependencyAway):
        await retrying.asked_by_event()
    retrying.store.put = put  # type: ignore[method-assign]  # as it was
    await retrying.asked_by_event()
    assert NAMED in retrying.rows.requests


@pytest.mark.parametrize("retrying", [Retrying("sssss"), Retrying(ended=False)], ids=["flawless", "running"])
async def test_an_event_that_the_state_does_not_allow_is_passed_over(retrying: Retrying) -> None:
    await retrying.asked_by_event()
    assert list(retrying.rows.requests) == [REQUEST]
    (upload,) = retrying.rows.uploads.values()
    assert upload.expires_at < LATER + TIMEOUT + COMMIT_GRACE


async def test_an_event_about_a_request_that_is_gone_or_of_somebody_else_is_passed_over() -> None:
    retrying = Retrying()
    await retrying.asked_by_event(owner=Owner("somebody"))
    assert list(retrying.rows.requests) == [REQUEST]
    retrying.rows.requests.clear()
    await retrying.asked_by_event(OTHER)
    assert retrying.rows.requests == {}
