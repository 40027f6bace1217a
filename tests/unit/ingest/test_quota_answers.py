"""Quotas over HTTP: what is refused, and what counts."""

from typing import Any

import httpx2
import pytest

from services.ingest.api.refusals import problem_of
from services.ingest.csv_upload import TooManyUploads
from services.ingest.domain.quotas import Quotas, Usage
from shared.ids import Owner
from tests.callers import EVERYONE, MemoryKeys, keyed
from tests.unit.ingest.fakes import GOOD_CSV, NOON, REQUEST, csv_of
from tests.unit.ingest.retrying import Retrying
from tests.unit.ingest.test_submit_api import CSV, Api

FULL = Usage(10**6, 10**9, 10**12)


class Quoted:
    """An API whose only caller has a key with quotas."""

    def __init__(self, **quotas: int) -> None:
        keys = MemoryKeys()
        self.headers = keys.make("shop")
        self.other_headers = keys.make("shop")
        self.key_id = next(iter(keys.stored))
        self.api = Api(callers=keyed(keys))
        self.rows = self.api.ingest.rows
        self.rows.quotas[self.key_id] = Quotas.model_validate(quotas)

    async def post(
        self, text: str = GOOD_CSV, *, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx2.Response:
        sent = {**CSV, **self.headers, **(headers or {})}
        return await self.api.post(content=text.encode(), headers=sent, **more)


@pytest.mark.checklist("I14")
async def test_a_quota_that_is_used_up_is_429_with_its_name_and_when_to_come_again() -> None:
    quoted = Quoted(requests_per_hour=1)
    assert (await quoted.post()).status_code == 202
    answer = await quoted.post()
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3600")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:pixelmill:problem:quota-exceeded",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "This API key may have 1 requests per hour, and this would be more. `Retry-After` says when to come "
        "again. Nothing was accepted.",
        "quota": "requests_per_hour",
        "limit": 1,
        "free_at": "2026-03-01T13:00:00.000Z",
    }


@pytest.mark.checklist("I14")
@pytest.mark.parametrize("quotas", [{"rows_per_hour": 1}, {"bytes_per_hour": len(GOOD_CSV) - 1}], ids=str)
async def test_a_file_that_is_more_than_a_quota_leaves_nothing_behind(quotas: dict[str, int]) -> None:
    quoted = Quoted(**quotas)
    form = {"files": {"file": ("a.csv", GOOD_CSV)}, "headers": quoted.headers}
    answer = await quoted.api.post(**form)
    assert (answer.status_code, answer.json()["quota"]) == (429, next(iter(quotas)))
    assert "Split the file" in answer.json()["detail"]
    assert quoted.api.ingest.is_untouched()


async def test_a_body_whose_announced_size_is_too_much_is_refused_before_it_is_read() -> None:
    quoted = Quoted(bytes_per_hour=10)
    answer = await quoted.post("no CSV at all, and longer than that")
    assert (answer.status_code, answer.json()["quota"]) == (429, "bytes_per_hour")


async def test_what_is_under_way_is_429_with_a_small_number() -> None:
    quoted = Quoted(requests_in_flight=1)
    await quoted.post()
    answer = await quoted.post()
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
    assert answer.json()["free_at"] is None


@pytest.mark.checklist("I14")
async def test_requests_and_rows_count_when_they_are_accepted_and_bytes_as_they_come() -> None:
    wrong = csv_of("x,,")
    received = 2 * len(GOOD_CSV) + len(wrong)
    quoted = Quoted(requests_per_hour=1, rows_per_hour=2, bytes_per_hour=received, requests_in_flight=1)
    assert (await quoted.post(params={"dry_run": "true"})).status_code == 200
    assert (await quoted.post(wrong)).status_code == 422
    assert (await quoted.post()).status_code == 202
    assert quoted.rows.used == {(quoted.key_id, NOON): Usage(1, 2, received)}


@pytest.mark.checklist("I14")
@pytest.mark.parametrize(
    "body",
    [
        {"files": {"file": ("a.csv", csv_of("x,,"))}},
        {"files": {"file": ("a.csv", GOOD_CSV)}, "data": {"dry_run": "true"}},
    ],
    ids=["refused", "dry"],
)
async def test_what_is_refused_or_only_tried_uses_up_the_bytes_of_a_key(body: dict[str, Any]) -> None:
    quoted = Quoted(bytes_per_hour=len(csv_of("x,,")) - 1)
    first, second = [await quoted.api.post(**body, headers=quoted.headers) for _ in range(2)]
    assert first.status_code in {200, 422}
    assert (second.status_code, second.json()["quota"]) == (429, "bytes_per_hour")


async def test_a_replay_counts_nothing_and_is_not_refused_not_even_under_a_new_key_of_the_owner() -> None:
    quoted = Quoted(requests_per_hour=1)
    key = {"Idempotency-Key": "order-17"}
    answers = [
        await quoted.post(headers={**key, **who}) for who in (quoted.headers, quoted.headers, quoted.other_headers)
    ]
    assert [answer.status_code for answer in answers] == [202] * 3
    assert len({answer.json()["request_id"] for answer in answers}) == 1
    assert quoted.rows.used == {(quoted.key_id, NOON): Usage(1, 2, len(GOOD_CSV))}


async def test_with_authentication_off_there_is_no_quota() -> None:
    api = Api(callers=EVERYONE)
    await api.post(content=GOOD_CSV.encode(), headers=CSV)
    assert not api.ingest.rows.used


@pytest.mark.checklist("I14")
async def test_a_retry_counts_as_a_request_with_its_rows_and_is_refused_like_one() -> None:
    keys = MemoryKeys()
    headers = keys.make("shop")
    (key_id,) = keys.stored
    retrying = Retrying(callers=keyed(keys), owner=Owner("shop"))
    retrying.rows.quotas[key_id] = Quotas(requests_per_hour=1)
    async with retrying.client() as client:
        answers = [await client.post(f"/v1/requests/{REQUEST}/retry", headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 429]
    assert list(retrying.rows.used.values()) == [Usage(1, 5, 0)]


async def test_an_operators_replay_counts_for_nobody() -> None:
    retrying = Retrying()
    await retrying.asked_by_event()
    assert not retrying.rows.used


def test_too_many_uploads_say_when_to_come_again() -> None:
    assert int(problem_of(TooManyUploads()).headers["Retry-After"]) > 0
