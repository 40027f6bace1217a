"""Removes all rows of a request from Postgres."""

from typing import Final

from shared.ids import RequestId
from shared.postgres import Database, load_queries

ROWS_AT_ONCE: Final = 20_000
_NOTHING: Final = "DELETE 0"
_PARTS: Final = (
    "delete_some_results",
    "delete_some_images",
    "delete_some_recorded_chunks",
    "delete_some_dead_letters",
)
_SQL = load_queries("services.aggregator.adapters.sql")


class PostgresDeletion:
    def __init__(self, database: Database, *, rows_at_once: int = ROWS_AT_ONCE) -> None:
        self._database = database
        self._rows_at_once = rows_at_once

    async def delete(self, request_id: RequestId) -> None:
        """Remove the request first, so that nothing is added any more, then the rest, in steps that stay short."""
        async with self._database.connection() as connection:
            await connection.execute(_SQL["delete_request"], request_id)
            for query in _PARTS:
                while await connection.execute(_SQL[query], request_id, self._rows_at_once) != _NOTHING:
                    pass
