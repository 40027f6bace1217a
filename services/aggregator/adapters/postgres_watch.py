"""What the watchdog looks at in Postgres, a page at a time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from services.aggregator.domain.open_request import OpenChunk, OpenRequest
from services.aggregator.lost_images import MissingResults
from services.aggregator.on_image_processed import ChunkId
from services.aggregator.overdue_requests import Overdue
from shared.ids import Owner, RequestId
from shared.postgres import Database, load_queries
from shared.request_files import RequestFile

# More than the usual window: chunks behind them have their turn when these are recorded.
CHUNKS_SEEN: Final = 32
_LOWEST_ID: Final = UUID(int=0)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SQL = load_queries("services.aggregator.adapters.sql")


class PostgresWatch:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, after: RequestId | None, *, limit: int) -> Sequence[OpenRequest]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["open_requests_page"], after or _LOWEST_ID, limit, CHUNKS_SEEN)
        return [
            OpenRequest(
                request_id=RequestId(str(row["request_id"])),
                images_total=row["images_total"],
                chunks_total=row["chunks_total"],
                chunk_size=row["chunk_size"],
                window=row["window"],
                recorded=row["recorded"],
                open_chunks=tuple(map(OpenChunk, row["numbers"], row["results"])),
            )
            for row in rows
        ]

    async def forget_ended(self) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_SQL["forget_republished"])

    async def missing(self, chunk: ChunkId) -> MissingResults:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["missing_results"], *chunk)
        return MissingResults([row["index"] for row in rows], rows[0]["times"] if rows else 0)

    async def count_republished(self, chunk: ChunkId) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_SQL["count_republished"], *chunk)

    async def is_unheeded(self, chunk: ChunkId) -> bool:
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(_SQL["is_unheeded"], *chunk))

    async def overdue(self, now: datetime, *, after: Overdue | None, limit: int) -> Sequence[Overdue]:
        place = (_EPOCH, _LOWEST_ID) if after is None else (after.deadline_at, after.request_id)
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["overdue_requests"], now, *place, limit)
        return [Overdue(row["deadline_at"], RequestId(str(row["request_id"])), Owner(row["owner"])) for row in rows]

    async def unheard(
        self, *, accepted_before: datetime, after: RequestFile | None, limit: int
    ) -> Sequence[RequestFile]:
        place = (_EPOCH, "") if after is None else (after.accepted_at, after.request_id)
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["unheard_requests"], accepted_before, *place, limit)
        return [RequestFile.model_validate(row["request"]) for row in rows]

    async def stuck(self, *, ended_before: datetime, limit: int) -> Sequence[RequestId]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["stuck_requests"], ended_before, limit)
        return [RequestId(str(row["request_id"])) for row in rows]
