"""Rows of requests in Postgres."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, cast

from services.aggregator.domain.completion import Tally, most_frequent_first
from services.aggregator.known_requests import RequestRow
from services.aggregator.request_end import WrittenCsvs
from shared.events import EndState
from shared.ids import Owner, RequestId
from shared.kafka.records import Trigger
from shared.postgres import Database, load_queries
from shared.request_files import RequestFile

_SQL = load_queries("services.aggregator.adapters.sql")


class PostgresRequests:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def insert(self, file: RequestFile) -> RequestRow | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                _SQL["insert_request"],
                file.request_id,
                file.owner,
                file.retry_of,
                file.rows,
                file.images_total,
                file.chunks_total,
                file.chunk_size,
                file.metadata,
                file.accepted_at,
                file.deadline_at,
            )
        return None if row is None else request_row(row)

    async def find(self, request_id: RequestId) -> RequestRow | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["find_request"], request_id)
        return None if row is None else request_row(row)

    async def start(self, request_ids: Collection[RequestId], *, at: datetime) -> Mapping[RequestId, int]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["start_requests"], list(request_ids), at)
        return {RequestId(str(row["request_id"])): row["chunk_size"] for row in rows}

    async def claim_end(
        self, request_id: RequestId, *, state: EndState, trigger: Trigger, at: datetime
    ) -> EndState | None:
        async with self._database.connection() as connection:
            claimed = await connection.fetchval(_SQL["claim_end"], request_id, state, str(trigger), at)
        return cast(EndState | None, claimed)

    async def store_assembly(
        self, request_id: RequestId, tally: Tally, csvs: WrittenCsvs, *, at: datetime
    ) -> RequestRow | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                _SQL["store_assembly"],
                request_id,
                at,
                tally.succeeded,
                tally.failed,
                tally.not_attempted,
                tally.bytes_in,
                tally.bytes_out,
                dict(tally.failures_by_code),
                dict(csvs.failures_by_host),
                csvs.output_sha256,
                csvs.failures_sha256,
            )
        return None if row is None else request_row(row)

    async def mark_completion(self, request_id: RequestId, *, trigger: Trigger, at: datetime) -> RequestRow | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["mark_completion"], request_id, str(trigger), at)
        return None if row is None else request_row(row)

    async def set_published(self, request_id: RequestId, *, at: datetime) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_SQL["set_published"], request_id, at)


def request_row(row: Mapping[str, Any]) -> RequestRow:
    """A row of `aggregator.requests`."""
    return RequestRow(
        request_id=RequestId(str(row["request_id"])),
        owner=Owner(row["owner"]),
        retry_of=RequestId(str(row["retry_of"])) if row["retry_of"] else None,
        rows=row["rows_total"],
        images_total=row["images_total"],
        chunks_total=row["chunks_total"],
        chunk_size=row["chunk_size"],
        metadata=row["metadata"],
        submitted_at=row["submitted_at"],
        deadline_at=row["deadline_at"],
        started_at=row["started_at"],
        end_state=row["end_state"],
        assembled_at=row["assembled_at"],
        tally=_tally(row) if row["assembled_at"] else None,
        failures_by_host=most_frequent_first(row["failures_by_host"]) if row["assembled_at"] else None,
        output_sha256=row["output_sha256"],
        failures_sha256=row["failures_sha256"],
        completed_at=row["completed_at"],
    )


def _tally(row: Mapping[str, Any]) -> Tally:
    return Tally(
        succeeded=row["succeeded"],
        failed=row["failed"],
        not_attempted=row["not_attempted"],
        bytes_in=row["bytes_in"],
        bytes_out=row["bytes_out"],
        failures_by_code=most_frequent_first(row["failures_by_code"]),
    )
