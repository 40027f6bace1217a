"""`POST /v1/requests/{id}/retry`: a new request that carries over what succeeded, or nothing at all."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from services.ingest.retry_request import RETRIES_AT_ONCE
from shared import object_keys
from shared.errors import DependencyAway
from shared.ids import LOCAL_OWNER, Owner, RequestId
from shared.request_files import RequestFile
from tests.callers import MemoryKeys, keyed
from tests.unit.ingest.fakes import NOON, REQUEST
from tests.unit.ingest.retrying import BUCKET, LATER, TODAY, Retrying, result
from tests.waiting import until

OTHER = "11111111-2222-4333-8444-555555555555"


async def test_a_retry_is_a_new_request_with_the_old_options_and_the_terms_of_today() -> None:
    retrying = Retrying()
    answer = await retrying.post()
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["state"], body["retry_of"]) == (202, "pending", REQUEST)
    assert (body["rows"], body["images_total"], body["carried_over"]) == (5, 5, 3)
    assert answer.headers["location"] == body["status_url"]
    new = retrying.rows.requests[body["request_id"]]
    own = {"request_id", "retry_of", "window", "accepted_at", "deadline_at"}
    assert new.model_dump(exclude=own) == retrying.original.model_dump(exclude=own)
    assert (new.window, new.accepted_at, new.deadline_at) == (TODAY.window, LATER, LATER + TODAY.deadline)
    assert retrying.announcements.announced == [new.request_id]
    assert retrying.rows.uploads == {}


async def test_its_objects_are_those_of_a_submission_with_what_succeeded_carried_over() -> None:
    retrying = Retrying()
    new = await retrying.retried()
    assert retrying.objects_of(new.request_id) == [
        object_keys.input_csv(new.request_id),
        *(object_keys.manifest_chunk(new.request_id, chunk) for chunk in range(3)),
        object_keys.request_object(new.request_id),
    ]
    written = retrying.store.objects[BUCKET, object_keys.request_object(new.request_id)]
    assert RequestFile.model_validate_json(written) == new
    images = retrying.images(new)
    assert [image.index for image in images if image.carry_over is not None] == [0, 2, 4]
    assert [image.model_copy(update={"carry_over": None}) for image in images] == retrying.images(retrying.original)
    inputs = [object_keys.input_csv(each) for each in (REQUEST, new.request_id)]
    assert retrying.store.objects[BUCKET, inputs[0]] == retrying.store.objects[BUCKET, inputs[1]]


async def test_a_request_that_is_assembled_can_be_retried_before_ingest_hears_of_its_end() -> None:
    retrying = Retrying("sffff", ended=False)
    assert await retrying.refused() == (409, "request-running")
    retrying.assemble("sffff")
    assert (await retrying.post()).status_code == 202


async def test_what_succeeded_altogether_has_nothing_to_retry() -> None:
    assert await Retrying("sssss").refused() == (409, "nothing-to-retry")


@pytest.mark.parametrize("name", [OTHER, "nonsense"])
async def test_what_is_no_request_is_404(name: str) -> None:
    assert await Retrying().refused(name) == (404, "unknown-request")


@pytest.mark.parametrize("key", [None, "again"])
@pytest.mark.parametrize(
    ("retrying", "name"), [(Retrying(), OTHER), (Retrying(ended=False), REQUEST)], ids=["unknown", "running"]
)
async def test_what_cannot_be_retried_is_refused_before_an_upload_is_noted(
    retrying: Retrying, name: str, key: str | None
) -> None:
    free_names = len(retrying.new_ids)
    await retrying.refused(name, key=key)
    assert len(retrying.new_ids) == free_names


async def test_one_owner_holds_half_of_the_places_for_retries() -> None:
    keys = MemoryKeys()
    shop, other = keys.make("shop"), keys.make("other")
    retrying = Retrying(callers=keyed(keys), owner=Owner("shop"))
    go, waiting, copy = asyncio.Event(), [], retrying.store.copy

    async def held(bucket: str, key: str, *, source_key: str) -> None:
        waiting.append(key)
        await go.wait()
        await copy(bucket, key, source_key=source_key)

    retrying.store.copy = held  # type: ignore[method-assign]  # a slow store
    async with retrying.client() as client:
        address = f"/v1/requests/{REQUEST}/retry"
        asked = [asyncio.create_task(client.post(address, headers=shop)) for _ in range(RETRIES_AT_ONCE // 2)]
        await until(lambda: len(waiting) == len(asked))
        refused = await client.post(address, headers=shop)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        assert refused.json()["type"] == "urn:pixelmill:problem:too-many-uploads"
        assert (await client.post(address, headers=other)).status_code == 404
        go.set()
        assert [(await answer).status_code for answer in asked] == [202] * len(asked)
        assert (await client.post(address, headers=shop)).status_code == 202


async def test_a_request_of_somebody_else_or_one_that_is_being_deleted_is_404() -> None:
    retrying = Retrying()
    retrying.rows.requests[REQUEST] = retrying.original.model_copy(update={"owner": Owner("somebody")})
    assert await retrying.refused() == (404, "unknown-request")
    retrying.rows.requests[REQUEST] = retrying.original
    await retrying.rows.mark_deleted(REQUEST, LOCAL_OWNER, NOON)
    assert await retrying.refused() == (404, "unknown-request")


@pytest.mark.parametrize(
    "gone", [object_keys.results, object_keys.input_csv, lambda name: object_keys.manifest_chunk(name, 2)]
)
async def test_when_a_file_is_gone_it_says_so_and_leaves_nothing(gone: Callable[[RequestId], str]) -> None:
    retrying = Retrying()
    del retrying.store.objects[BUCKET, gone(REQUEST)]
    new = retrying.new_ids[0]
    assert await retrying.refused() == (409, "results-gone")
    assert (retrying.objects_of(new), retrying.rows.uploads) == ([], {})


@pytest.mark.parametrize("results", [b"", b"{}\n" * 5, b"".join(result(index, "failed") for index in range(6))])
async def test_damaged_results_are_said_to_be(results: bytes) -> None:
    retrying = Retrying()
    retrying.store.objects[BUCKET, object_keys.results(REQUEST)] = results
    assert await retrying.refused() == (409, "results-gone")


async def test_a_request_larger_than_allowed_today_is_refused() -> None:
    assert await Retrying(limits=TODAY._replace(max_images=4)).refused() == (409, "too-many-images")


async def test_the_same_key_twice_is_one_retry() -> None:
    retrying = Retrying()
    first, again = await retrying.post(key="k"), await retrying.post(key="k")
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert len(retrying.rows.requests) == 2


async def test_a_key_of_another_retry_or_a_broken_key_is_refused() -> None:
    retrying = Retrying()
    assert (await retrying.post(key="k")).status_code == 202
    assert await retrying.refused(OTHER, key="k") == (422, "idempotency-key-mismatch")
    assert await retrying.refused(key="a b") == (400, "invalid-idempotency-key")


async def test_two_retries_without_a_key_are_two_requests() -> None:
    retrying = Retrying()
    assert (await retrying.retried()).request_id != (await retrying.retried()).request_id


async def test_storage_away_accepts_nothing_and_leaves_what_is_there_to_the_sweeper() -> None:
    retrying = Retrying()

    async def goes_away(*_: object, **__: object) -> None:
        retrying.store.is_away = True
        raise DependencyAway("object storage", "set away by a test")

    retrying.store.copy = goes_away  # type: ignore[method-assign]  # while the input is copied
    assert await retrying.refused() == (503, "part-away")
    (upload,) = retrying.rows.uploads.values()
    assert upload.expires_at < NOON


async def test_postgres_away_at_the_commit_leaves_the_objects_where_they_are() -> None:
    retrying = Retrying()
    retrying.rows.after_commit = lambda: setattr(retrying.rows, "is_away", True)
    new = retrying.new_ids[0]
    assert (await retrying.post()).status_code == 503
    assert len(retrying.objects_of(new)) == 5
    assert new in retrying.rows.requests


async def test_deleting_the_original_afterwards_leaves_the_retry_as_it_is() -> None:
    retrying = Retrying()
    new = await retrying.retried()
    await retrying.store.delete_all(BUCKET, f"{REQUEST}/")
    assert len(retrying.objects_of(new.request_id)) == 5
    assert len(retrying.images(new)) == 5
