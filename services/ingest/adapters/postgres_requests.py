"""Accepted requests and their released chunks, in Postgres."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from services.ingest.adapters.request_json import from_json, to_json
from services.ingest.cancel_request import Cancellation, Cancelling, CancelState, cancel_requested
from services.ingest.delete_request import DeletedRequest, DoomedRequest, Marking
from services.ingest.retry_request import Original
from shared.events import CancelRequested, EndState
from shared.ids import Owner, RequestId
from shared.kafka.records import Trigger
from shared.postgres import Connection, Database, load_queries
from shared.request_files import RequestFile

_SQL = load_queries("services.ingest.adapters.sql")


class PostgresRequests:
    """Connection trouble is `DependencyAway`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, request_id: RequestId) -> RequestFile | None:
        async with self._database.connection() as connection:
            document = await connection.fetchval(_SQL["find_request"], request_id)
        return None if document is None else from_json(document)

    async def restore(self, request: RequestFile) -> bool:
        async with self._database.connection() as connection:
            may_be: bool = await connection.fetchval(
                _SQL["restore_request"], request.request_id, request.owner, to_json(request), request.accepted_at
            )
        return may_be

    async def claim(self, request_id: RequestId, chunks: Sequence[int], trigger: Trigger) -> list[int]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["claim_chunks"], request_id, list(chunks), str(trigger))
        return sorted(row["chunk"] for row in rows)

    async def mark_ended(self, request_id: RequestId, ended_at: datetime, state: EndState) -> bool:
        async with self._database.connection() as connection:
            marked = await connection.fetchval(_SQL["mark_ended"], request_id, ended_at, state)
        return marked is not None

    async def original(self, request_id: RequestId, owner: Owner) -> Original | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["find_original"], request_id, owner)
        return None if row is None else Original(from_json(row["request"]), has_ended=row["has_ended"])

    async def mark_cancelled(self, request_id: RequestId, owner: Owner, now: datetime) -> Cancelling:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["mark_cancelled"], request_id, owner, now)
        if row is None:
            return "unknown"
        at: datetime | None = row["cancel_requested_at"]
        if at is None or (row["has_ended"] and row["end_state"] != "cancelled"):
            return "ended"
        state: CancelState = "cancelled" if row["has_ended"] else "processing" if row["has_started"] else "pending"
        return Cancellation(request_id, owner, at, state)

    async def mark_cancel_said(self, request_ids: Sequence[RequestId], now: datetime) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_SQL["mark_cancel_said"], list(request_ids), now)

    @asynccontextmanager
    async def unsaid_cancellations(
        self, requested_before: datetime, *, limit: int, now: datetime
    ) -> AsyncIterator[Sequence[CancelRequested]]:
        async with self._unsaid("unsaid_cancellations", requested_before, limit) as (connection, rows):
            yield [cancel_requested(RequestId(row["request_id"]), Owner(row["owner"])) for row in rows]
            if rows:
                await connection.execute(_SQL["mark_cancel_said"], [row["request_id"] for row in rows], now)

    async def mark_announced(self, request_ids: Sequence[RequestId], now: datetime) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_SQL["mark_announced"], list(request_ids), now)

    async def mark_deleted(self, request_id: RequestId, owner: Owner, now: datetime) -> Marking:
        async with self._database.connection() as connection:
            is_marked = await connection.fetchval(_SQL["mark_deleted"], request_id, owner, now)
        if is_marked is None:
            return "unknown"
        return "marked" if is_marked else "running"

    async def remove_request(self, request_id: RequestId, now: datetime, *, again_at: datetime) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_SQL["remove_request"], request_id, now, again_at)

    async def claim_removals(self, now: datetime, *, until: datetime, limit: int) -> Sequence[DeletedRequest]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["claim_removals"], now, until, limit)
        return [DeletedRequest(RequestId(row["request_id"]), row["deleted_at"]) for row in rows]

    async def note_removal(self, request_id: RequestId, again_at: datetime | None) -> None:
        async with self._database.connection() as connection:
            if again_at is None:
                await connection.execute(_SQL["forget_deleted"], request_id)
            else:
                await connection.execute(_SQL["postpone_removal"], request_id, again_at)

    async def doomed(self, marked_before: datetime, *, limit: int) -> Sequence[DoomedRequest]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["doomed_requests"], marked_before, limit)
        return [DoomedRequest(RequestId(row["request_id"]), Owner(row["owner"])) for row in rows]

    @asynccontextmanager
    async def unannounced(
        self, accepted_before: datetime, *, limit: int, now: datetime
    ) -> AsyncIterator[Sequence[RequestFile]]:
        async with self._unsaid("unannounced_requests", accepted_before, limit) as (connection, rows):
            requests = [from_json(row["request"]) for row in rows]
            yield requests
            if requests:
                announced = [request.request_id for request in requests]
                await connection.execute(_SQL["mark_announced"], announced, now)

    @asynccontextmanager
    async def _unsaid(
        self, query: str, before: datetime, limit: int
    ) -> AsyncIterator[tuple[Connection, Sequence[Mapping[str, Any]]]]:
        # No row is locked: publishing takes long while Kafka is away, and callers change these very rows meanwhile.
        async with self._database.transaction() as connection:
            is_alone = await connection.fetchval(_SQL["lock_sweep"], query)
            yield connection, await connection.fetch(_SQL[query], before, limit) if is_alone else []
