"""Result rows and recorded chunks in Postgres."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from services.aggregator.adapters.postgres_images import image_columns
from services.aggregator.domain.completion import Tally, TallyLine, tally_of
from services.aggregator.domain.merged_rows import ImageOutcome, failures_by_host
from services.aggregator.domain.progress import ChunkShape
from services.aggregator.known_requests import RequestRow
from services.aggregator.on_image_processed import ChunkId, ChunkRows, Results
from shared.events import ImageProcessed, StoredRendition
from shared.ids import RequestId
from shared.image_errors import ImageErrorCode
from shared.kafka.records import Received
from shared.postgres import Database, load_queries
from shared.request_files import ManifestImage

_RENDITIONS = TypeAdapter(tuple[StoredRendition, ...])
_SQL = load_queries("services.aggregator.adapters.sql")
FILLED_AT_ONCE = 20_000
_FAILURES = _SQL["chunk_failures"]


class PostgresResults:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, results: Results) -> None:
        rows = _first_of_each_index(results)
        async with self._database.connection() as connection:
            await connection.execute(_SQL["insert_results"], *zip(*rows, strict=True))

    async def chunks(self, shapes: Mapping[ChunkId, ChunkShape]) -> Mapping[ChunkId, ChunkRows]:
        wanted = [(*chunk, shape.first_index, shape.images) for chunk, shape in shapes.items()]
        async with self._database.connection() as connection:
            found = await connection.fetch(_SQL["chunk_results"], *zip(*wanted, strict=True))
        return {
            ChunkId(RequestId(str(row["request_id"])), row["chunk"]): ChunkRows(
                row["is_closed"], list(zip(row["indexes"], row["offsets"], strict=True))
            )
            for row in found
        }

    async def record_chunk(self, request: RequestRow, chunk: int, images: Sequence[ManifestImage]) -> int:
        request_id, place = request.request_id, (chunk * request.chunk_size, request.images_in_chunk(chunk))
        async with self._database.connection() as connection:
            # The chunk is complete, so this is the same whenever it is read.
            failed = {row["index"]: row["error_code"] for row in await connection.fetch(_FAILURES, request_id, *place)}
            measures = (*place, dict(Counter(failed.values())), failures_by_host(images, failed))
            recorded: int = await connection.fetchval(
                _SQL["record_chunk"], request_id, chunk, *measures, *image_columns(images)
            )
        return recorded

    async def fill_missing(self, request: RequestRow, *, code: ImageErrorCode, message: str) -> None:
        # In pieces: what a slow database has done of a large request stays done when the step is tried again.
        for first in range(0, request.images_total, FILLED_AT_ONCE):
            last = min(first + FILLED_AT_ONCE, request.images_total) - 1
            async with self._database.connection() as connection:
                await connection.execute(_SQL["fill_missing"], request.request_id, first, last, code, message)

    async def tally(self, request_id: RequestId) -> Tally:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["tally"], request_id)
        return tally_of(TallyLine(**dict(row)) for row in rows)

    async def after(self, request_id: RequestId, index: int, *, limit: int) -> Sequence[ImageOutcome]:
        """The next results by index, for the CSVs."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["results_after"], request_id, index, limit)
        return [ImageOutcome(row["index"], row["outcome"], row["error_code"], _keys(row["renditions"])) for row in rows]


def _keys(renditions: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {each["name"]: each["key"] for each in renditions}


def _first_of_each_index(results: Results) -> list[tuple[Any, ...]]:
    """Rows in the order of their events; one statement must not say two things of an index."""
    rows: dict[tuple[RequestId, int], tuple[Any, ...]] = {}
    for each in results:
        for index in each.event.indexes:
            key = (each.event.request_id, index)
            if key not in rows:
                rows[key] = (*key, *_columns(each))
    return list(rows.values())


def _columns(received: Received[ImageProcessed]) -> tuple[Any, ...]:
    event = received.event
    return (
        event.outcome,
        event.note,
        event.error.code if event.error else None,
        event.error.message if event.error else None,
        event.source.model_dump_json() if event.source else None,
        _RENDITIONS.dump_json(event.renditions).decode(),
        event.source.bytes if event.source else 0,
        sum(rendition.bytes for rendition in event.renditions),
        event.attempts,
        event.duration_ms,
        received.trigger.offset,
    )
