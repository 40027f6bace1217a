"""Which quota stands against what is asked for."""

from datetime import timedelta

import pytest

from services.ingest.csv_upload import IN_FLIGHT_SECONDS, QuotaExceeded
from services.ingest.domain.quotas import Excess, Quotas, Usage, excess_in_flight, excess_of, hour_of
from tests.unit.ingest.fakes import NOON

ONE = Usage(requests=1, rows=10, bytes=500)


def excess(used: Usage, limits: Quotas, asked: Usage = ONE) -> Excess | None:
    return excess_of(asked, used.plus(asked), hour=NOON, limits=limits)


@pytest.mark.checklist("I14")
@pytest.mark.parametrize(
    ("quota", "limit", "used"),
    [
        ("requests_per_hour", 3, Usage(requests=3)),
        ("rows_per_hour", 30, Usage(rows=21)),
        ("bytes_per_hour", 1000, Usage(bytes=501)),
    ],
)
def test_each_quota_refuses_what_would_be_more_and_names_itself(quota: str, limit: int, used: Usage) -> None:
    limits = Quotas.model_validate({quota: limit})
    assert excess(used, limits) == Excess(quota, limit, NOON + timedelta(hours=1))
    assert excess(Usage(), limits) is None


def test_what_fits_exactly_is_taken() -> None:
    limits = Quotas(requests_per_hour=2, rows_per_hour=20, bytes_per_hour=1000)
    assert excess(ONE, limits) is None


def test_what_is_more_than_a_quota_by_itself_is_hopeless() -> None:
    found = excess(Usage(), Quotas(rows_per_hour=9))
    assert found is not None
    assert found.is_hopeless


def test_zero_and_nothing_are_no_limit() -> None:
    huge = Usage(10**9, 10**12, 10**15)
    assert excess(huge, Quotas()) is None
    assert excess(huge, Quotas(requests_per_hour=0, rows_per_hour=0, bytes_per_hour=0)) is None
    assert excess_in_flight(10**9, Quotas(requests_in_flight=0)) is None


def test_the_quotas_of_a_key_go_before_those_of_the_server() -> None:
    server = Quotas(requests_per_hour=1000, rows_per_hour=5, requests_in_flight=100)
    own = Quotas(rows_per_hour=7, requests_in_flight=0)
    assert own.over(server) == Quotas(requests_per_hour=1000, rows_per_hour=7, requests_in_flight=0)


def test_a_quota_of_the_hour_is_free_when_the_hour_of_the_clock_is_over() -> None:
    at = NOON + timedelta(minutes=59, seconds=58, milliseconds=500)
    assert hour_of(at) == NOON
    assert QuotaExceeded(Excess("rows_per_hour", 1, NOON + timedelta(hours=1)), at).retry_after_seconds == 2


def test_what_is_under_way_may_end_soon() -> None:
    found = excess_in_flight(4, Quotas(requests_in_flight=3))
    assert found == Excess("requests_in_flight", 3, None)
    assert QuotaExceeded(found, NOON).retry_after_seconds == IN_FLIGHT_SECONDS


def test_what_another_version_kept_beside_a_keys_quotas_does_no_harm() -> None:
    assert Quotas.stored({"rows_per_hour": 7, "pixels_per_hour": 5}) == Quotas(rows_per_hour=7)
