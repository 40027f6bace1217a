"""Quotas of API keys, on the fake and on the real Postgres."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from services.ingest.adapters.postgres_keys import PostgresMadeKeys
from services.ingest.csv_upload import Agreed, Lease, Notes, QuotaExceeded, Submitter, Upload
from services.ingest.domain.quotas import Quotas, Usage
from services.ingest.made_keys import MadeKey
from shared.api_keys import new_token
from shared.ids import Owner
from tests.integration.test_ingest_rows import PostgresRows, Rows, new_id, postgres_rows, request_named
from tests.stack import StackForTests
from tests.unit.ingest.fakes import NOON, RequestsInMemory

LATER = NOON + timedelta(minutes=5)
NEXT_HOUR = NOON + timedelta(hours=1)
ONE = Usage(requests=1, rows=1)


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.stack)])
async def rows(request: pytest.FixtureRequest) -> AsyncIterator[Rows]:
    if request.param == "memory":
        yield RequestsInMemory()
        return
    async with postgres_rows(request.getfixturevalue("stack")) as rows:
        yield rows


async def limited(rows: Rows, **quotas: int) -> Submitter:
    """A submitter whose key has these quotas."""
    token, limits = new_token(), Quotas.model_validate(quotas)
    owner = Owner(f"owner-{uuid4()}")
    if isinstance(rows, RequestsInMemory):
        rows.quotas[token.key_id] = limits
    else:
        made = MadeKey(token.key_id, owner, "a test", NOON, limits)
        await PostgresMadeKeys(rows.database).add(made, b"digest")
    return Submitter(owner, None, token.key_id)


async def begin(rows: Rows, submitter: Submitter, *, now: datetime = NOON, least: Usage = ONE) -> Lease:
    lease = await rows.begin(Upload(new_id(), submitter, now + timedelta(minutes=5), least), now)
    assert isinstance(lease, Lease)
    return lease


async def accept(rows: Rows, lease: Lease, *, at: datetime = NOON, uploaded_bytes: int = 100) -> None:
    """Accept a request of two rows."""
    request = request_named(lease.request_id).model_copy(update={"accepted_at": at, "owner": lease.submitter.owner})
    await rows.accept(Agreed(request, b"print", Notes(), uploaded_bytes), lease)


async def submit(rows: Rows, submitter: Submitter, *, at: datetime = NOON) -> Lease:
    lease = await begin(rows, submitter, now=at)
    await accept(rows, lease, at=at)
    return lease


@pytest.mark.checklist("I14")
@pytest.mark.parametrize("quotas", [{"requests_per_hour": 2}, {"rows_per_hour": 4}, {"bytes_per_hour": 200}], ids=str)
async def test_a_quota_that_is_used_up_refuses_before_anything_is_received(rows: Rows, quotas: dict[str, int]) -> None:
    submitter = await limited(rows, **quotas)
    for _ in range(2):
        await submit(rows, submitter)
    with pytest.raises(QuotaExceeded) as refused:
        await begin(rows, submitter, least=Usage(1, 1, 1))
    assert refused.value.excess.quota in quotas
    assert refused.value.retry_after_seconds == 3600


@pytest.mark.checklist("I14")
@pytest.mark.parametrize("quotas", [{"requests_per_hour": 1}, {"rows_per_hour": 3}, {"bytes_per_hour": 150}], ids=str)
async def test_what_turns_out_to_be_too_much_is_not_accepted_and_not_counted(
    rows: Rows, quotas: dict[str, int]
) -> None:
    submitter = await limited(rows, **quotas)
    first, second = await begin(rows, submitter, least=Usage()), await begin(rows, submitter, least=Usage())
    await accept(rows, first)
    for _ in range(2):
        with pytest.raises(QuotaExceeded):
            await accept(rows, second)
    assert await rows.find(first.request_id) is not None
    assert await rows.find(second.request_id) is None
    assert await rows.renew(second, LATER), "it is an upload still"


@pytest.mark.checklist("I14")
async def test_however_many_accept_at_once_no_more_is_accepted_than_the_quota(rows: Rows) -> None:
    submitter = await limited(rows, requests_per_hour=5)
    leases = [await begin(rows, submitter) for _ in range(12)]
    outcomes = await asyncio.gather(*(accept(rows, lease) for lease in leases), return_exceptions=True)
    assert [outcome for outcome in outcomes if outcome is None] == [None] * 5
    assert sum(isinstance(outcome, QuotaExceeded) for outcome in outcomes) == 7


@pytest.mark.checklist("I14")
async def test_however_many_begin_at_once_no_more_is_under_way_than_the_quota(rows: Rows) -> None:
    submitter = await limited(rows, requests_in_flight=3)
    outcomes = await asyncio.gather(*(begin(rows, submitter) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(outcome, Lease) for outcome in outcomes) == 3
    assert sum(isinstance(outcome, QuotaExceeded) for outcome in outcomes) == 7


@pytest.mark.checklist("I14")
async def test_a_request_is_under_way_until_its_end_and_an_upload_until_it_is_given_up(rows: Rows) -> None:
    submitter = await limited(rows, requests_in_flight=2)
    accepted = await submit(rows, submitter)
    upload = await begin(rows, submitter)
    with pytest.raises(QuotaExceeded) as refused:
        await begin(rows, submitter)
    assert refused.value.excess == ("requests_in_flight", 2, None, False)
    await rows.mark_ended(accepted.request_id, LATER, "completed")
    await begin(rows, submitter)
    await rows.give_up(upload)
    await begin(rows, submitter)
    with pytest.raises(QuotaExceeded):
        await begin(rows, submitter)


async def test_an_upload_whose_process_died_is_under_way_until_its_lease_ends(rows: Rows) -> None:
    submitter = await limited(rows, requests_in_flight=1)
    await begin(rows, submitter)
    with pytest.raises(QuotaExceeded):
        await begin(rows, submitter, now=LATER - timedelta(seconds=1))
    await begin(rows, submitter, now=LATER)


async def test_a_new_hour_begins_from_nothing(rows: Rows) -> None:
    submitter = await limited(rows, requests_per_hour=1)
    await submit(rows, submitter)
    with pytest.raises(QuotaExceeded):
        await begin(rows, submitter, now=NEXT_HOUR - timedelta(seconds=1))
    await submit(rows, submitter, at=NEXT_HOUR)
    with pytest.raises(QuotaExceeded):
        await begin(rows, submitter, now=NEXT_HOUR)


async def test_what_is_announced_as_too_large_is_refused_before_it_is_received(rows: Rows) -> None:
    submitter = await limited(rows, bytes_per_hour=1000)
    await submit(rows, submitter)
    await begin(rows, submitter, least=Usage(1, 1, 900))
    with pytest.raises(QuotaExceeded):
        await begin(rows, submitter, least=Usage(1, 1, 901))


@pytest.mark.checklist("I14")
async def test_bytes_that_became_nothing_count_for_the_hour_in_which_they_came(rows: Rows) -> None:
    submitter = await limited(rows, bytes_per_hour=100)
    assert submitter.key_id is not None
    await rows.count_received(submitter.key_id, 101, NOON)
    with pytest.raises(QuotaExceeded):
        await begin(rows, submitter)
    await begin(rows, submitter, now=NEXT_HOUR)


@pytest.mark.checklist("I14")
async def test_a_replay_is_never_refused_even_under_another_key_of_its_owner(rows: Rows) -> None:
    limited_to_one = await limited(rows, requests_per_hour=1, requests_in_flight=1)
    submitter = limited_to_one._replace(idempotency_key="order-17")
    lease = await submit(rows, submitter)
    for again in (submitter, submitter._replace(key_id=new_token().key_id)):
        assert await rows.agreed(again) == await rows.begin(Upload(new_id(), again, LATER, ONE), NOON)
        found = await rows.agreed(again)
        assert isinstance(found, Agreed)
        assert found.request.request_id == lease.request_id


async def test_keys_do_not_share_their_quotas_and_without_a_key_there_is_none(rows: Rows) -> None:
    first = await limited(rows, requests_per_hour=1, requests_in_flight=1)
    await submit(rows, first)
    await submit(rows, await limited(rows, requests_per_hour=1, requests_in_flight=1))
    for _ in range(3):
        await submit(rows, Submitter(first.owner, None))


@pytest.mark.stack
async def test_keys_without_quotas_of_their_own_have_those_of_the_server(stack: StackForTests) -> None:
    async with postgres_rows(stack) as rows:
        served = PostgresRows(rows.database, quotas=Quotas(requests_in_flight=1))
        submitter = await limited(served)
        await begin(served, submitter)
        with pytest.raises(QuotaExceeded):
            await begin(served, submitter)
        unlimited = await limited(served, requests_in_flight=0)
        for _ in range(2):
            await begin(served, unlimited)
