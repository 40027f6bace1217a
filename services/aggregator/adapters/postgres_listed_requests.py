"""Requests as users look for them in Postgres: the own rows, and what ingest accepted and is not here yet."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.aggregator.adapters.postgres_requests import request_row
from services.aggregator.domain.request_list import ListQuery
from services.aggregator.known_requests import RequestRow, place_of, row_of
from shared.ids import RequestId
from shared.postgres import Connection, Database, load_queries
from shared.request_files import RequestFile

_SQL = load_queries("services.aggregator.adapters.sql")


class PostgresListedRequests:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, request_id: RequestId) -> RequestRow | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["find_request"], request_id)
            if row is not None:
                return request_row(row)
            accepted = await connection.fetchrow(_SQL["find_accepted"], request_id)
        return None if accepted is None else _accepted(accepted)

    async def listed(self, query: ListQuery) -> Sequence[RequestRow]:
        async with self._database.connection() as connection:
            # Ingest first: a request that comes in between is then seen twice, and not missed.
            accepted = await _accepted_requests(connection, query)
            own = await _own_requests(connection, query)
        known = {row.request_id for row in own}
        found = [*own, *(row for row in accepted if row.request_id not in known)]
        return sorted(found, key=place_of, reverse=True)[: query.limit]


async def _accepted_requests(connection: Connection, query: ListQuery) -> list[RequestRow]:
    if query.state not in (None, "pending"):
        return []
    statement = _SQL["list_accepted_requests" if query.state is None else "list_unknown_requests"]
    return [_accepted(row) for row in await connection.fetch(statement, *_bounds(query))]


async def _own_requests(connection: Connection, query: ListQuery) -> list[RequestRow]:
    if query.state is None:
        rows = await connection.fetch(_SQL["list_requests"], *_bounds(query))
    elif query.state in ("pending", "processing"):
        has_started = query.state == "processing"
        rows = await connection.fetch(_SQL["list_open_requests"], *_bounds(query), has_started)
    else:
        rows = await connection.fetch(_SQL["list_ended_requests"], *_bounds(query), query.state)
    return [request_row(row) for row in rows]


def _bounds(query: ListQuery) -> tuple[Any, ...]:
    return (query.owner, *query.after, query.since, query.limit)


def _accepted(row: Mapping[str, Any]) -> RequestRow:
    return row_of(RequestFile.model_validate(row["request"]))
