"""What the manifest says of images, and pages of results with it, in Postgres."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.aggregator.known_requests import RequestRow
from shared.ids import RequestId
from shared.postgres import Connection, Database, load_queries
from shared.request_files import ManifestImage

_SQL = load_queries("services.aggregator.adapters.sql")


class PostgresImages:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def missing_chunks(self, request: RequestRow) -> Sequence[int]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _SQL["missing_images"], request.request_id, request.chunks_total, request.chunk_size
            )
        return [row["chunk"] for row in rows]

    async def insert(self, request_id: RequestId, images: Sequence[ManifestImage]) -> None:
        async with self._database.connection() as connection:
            await insert_images(connection, request_id, images)

    async def page(
        self, request_id: RequestId, *, after: int, outcome: str | None, code: str | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """The next results by index with all that is known of them, filtered."""
        place = (request_id, after, limit)
        async with self._database.connection() as connection:
            if code is not None:
                rows = await connection.fetch(_SQL["images_page_by_code"], *place, code, outcome)
            elif outcome is None:
                rows = await connection.fetch(_SQL["images_page"], *place)
            elif outcome == "succeeded":
                rows = await connection.fetch(_SQL["images_page_succeeded"], *place)
            else:
                rows = await connection.fetch(_SQL["images_page_not_succeeded"], *place, outcome)
        return [dict(row) for row in rows]


async def insert_images(connection: Connection, request_id: RequestId, images: Sequence[ManifestImage]) -> None:
    """Insert rows for these images unless they exist, in one statement."""
    await connection.execute(_SQL["insert_images"], request_id, *image_columns(images))


def image_columns(images: Sequence[ManifestImage]) -> tuple[Sequence[Any], ...]:
    """The images, one column after the other; there must be some."""
    rows = [
        (image.index, image.row, image.line, image.slot, image.serial_number, image.product_name, image.url)
        for image in images
    ]
    return tuple(zip(*rows, strict=True))
