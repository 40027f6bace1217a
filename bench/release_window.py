"""How many images of a request are released and have no result yet, as Postgres sees it in one snapshot."""

from dataclasses import dataclass

import asyncpg

ADVANCED_PERCENT = 75
"""A chunk has advanced, and another one may be released, when this share of its images has a result."""

OPEN_CHUNKS = """
    SELECT least($2, $3 - released.chunk * $2) AS images,
           (SELECT count(*) FROM aggregator.results AS result
            WHERE result.request_id = $1::text::uuid
              AND result.index >= released.chunk * $2 AND result.index < (released.chunk + 1) * $2) AS done
    FROM ingest.released_chunks AS released
    WHERE released.request_id = $1::text
      AND NOT EXISTS (SELECT FROM aggregator.recorded_chunks AS recorded
                      WHERE recorded.request_id = $1::text::uuid AND recorded.chunk = released.chunk)
"""


@dataclass(frozen=True)
class Shape:
    """What was accepted."""

    request_id: str
    images: int
    chunk_size: int
    window: int

    @property
    def bound(self) -> int:
        """Most images that may wait in chunks that have not advanced."""
        return self.window * self.chunk_size


@dataclass
class ReleaseWindow:
    """The most that was ever seen. `slow` are the unfinished images of chunks that have advanced."""

    shape: Shape
    looks: int = 0
    most_unfinished: int = 0
    slow_then: int = 0
    most_in_window: int = 0

    @property
    def is_kept(self) -> bool:
        return self.looks > 0 and self.most_in_window <= self.shape.bound

    async def look(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        """Take one sample."""
        shape = self.shape
        rows = await connection.fetch(OPEN_CHUNKS, shape.request_id, shape.chunk_size, shape.images)
        self.seen([(row["images"], row["done"]) for row in rows])

    def seen(self, chunks: list[tuple[int, int]]) -> None:
        """Note a sample: images and results of every released chunk that is not complete."""
        waiting = sum(images - done for images, done in chunks if not _has_advanced(images, done))
        slow = sum(images - done for images, done in chunks if _has_advanced(images, done))
        self.looks += 1
        self.most_in_window = max(self.most_in_window, waiting)
        if waiting + slow > self.most_unfinished:
            self.most_unfinished, self.slow_then = waiting + slow, slow

    def report(self) -> dict[str, int]:
        return {
            "max": self.most_unfinished,
            "bound": self.shape.bound + self.slow_then,
            "of_them_slow": self.slow_then,
            "window_x_chunk_size": self.shape.bound,
            "max_in_chunks_not_advanced": self.most_in_window,
            "samples": self.looks,
        }


def _has_advanced(images: int, done: int) -> bool:
    return done * 100 >= images * ADVANCED_PERCENT
