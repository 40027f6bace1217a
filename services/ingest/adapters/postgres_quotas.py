"""The quotas of an API key, inside of the transactions that begin and accept uploads.

Its row is locked until the transaction ends, so what is counted is exact however many processes accept for it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.ingest.csv_upload import QuotaExceeded
from services.ingest.domain.quotas import Quotas, Usage, excess_in_flight, excess_of, hour_of
from shared.api_keys import KeyId
from shared.postgres import Connection, load_queries

_SQL = load_queries("services.ingest.adapters.sql")


async def judge_beginning(
    connection: Connection, key_id: KeyId, least: Usage, *, quotas: Quotas, now: datetime
) -> None:
    """Raise `QuotaExceeded` when the upload that was noted in this transaction is one too many."""
    row = await connection.fetchrow(_SQL["lock_usage"], key_id)
    if row is None:
        return
    limits = _limits(row, quotas)
    hour = hour_of(now)
    used = _used(row) if row["usage_hour"] >= hour else Usage()
    excess = excess_of(least, used.plus(least), hour=max(hour, row["usage_hour"]), limits=limits)
    if excess is None and limits.requests_in_flight:
        in_flight: int = await connection.fetchval(_SQL["count_in_flight"], key_id, now)
        excess = excess_in_flight(in_flight, limits)
    if excess is not None:
        raise QuotaExceeded(excess, now)


async def count_up(connection: Connection, key_id: KeyId, usage: Usage, *, quotas: Quotas, now: datetime) -> None:
    """Count what is accepted in this transaction, or raise `QuotaExceeded`."""
    row = await connection.fetchrow(_SQL["count_up_usage"], key_id, hour_of(now), *usage)
    if row is None:
        return
    excess = excess_of(usage, _used(row), hour=row["usage_hour"], limits=_limits(row, quotas))
    if excess is not None:
        raise QuotaExceeded(excess, now)


async def count_received(connection: Connection, key_id: KeyId, size: int, *, now: datetime) -> None:
    """Count bytes that became nothing. They refuse what comes next, if anything."""
    await connection.execute(_SQL["count_up_usage"], key_id, hour_of(now), *Usage(bytes=size))


def _limits(row: Mapping[str, Any], otherwise: Quotas) -> Quotas:
    return Quotas.stored(row["quotas"]).over(otherwise)


def _used(row: Mapping[str, Any]) -> Usage:
    return Usage(row["used_requests"], row["used_rows"], row["used_bytes"])
