"""A request that has no end yet, as rows show it: what was not said of it, and which of its chunks lack results."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.aggregator.domain.progress import ChunkShape
from shared.ids import RequestId


class OpenChunk(NamedTuple):
    """A chunk that is not recorded, and how many of its images have a result."""

    number: int
    results: int


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """`open_chunks` are the first few chunks that are not recorded, in order.

    `window` is None while ingest's row of the request is missing.
    """

    request_id: RequestId
    images_total: int
    chunks_total: int
    chunk_size: int
    window: int | None
    recorded: int
    open_chunks: Sequence[OpenChunk]

    @property
    def signature(self) -> int:
        """Changes whenever the request moves. A number, since very many are remembered."""
        return hash((self.recorded, tuple(self.open_chunks)))

    @property
    def is_all_recorded(self) -> bool:
        return self.recorded == self.chunks_total

    def unrecorded(self) -> list[int]:
        """Chunks whose images all have a result."""
        return [chunk.number for chunk in self.open_chunks if chunk.results == self.shape(chunk.number).images]

    def untouched(self) -> list[int]:
        """Chunks that are due and have no result at all: perhaps they were never released."""
        return [chunk.number for chunk in self.open_chunks if not chunk.results and self._is_due(chunk.number)]

    def incomplete(self) -> list[int]:
        """Chunks that have some results, and not all."""
        return [chunk.number for chunk in self.open_chunks if 0 < chunk.results < self.shape(chunk.number).images]

    def releasing(self, chunk: int) -> int | None:
        """The chunk whose advance releases this one; None when the acceptance does."""
        return None if self.window is None or chunk < self.window else chunk - self.window

    def shape(self, chunk: int) -> ChunkShape:
        first = chunk * self.chunk_size
        return ChunkShape(first, min(self.chunk_size, self.images_total - first))

    def _is_due(self, chunk: int) -> bool:
        before = self.releasing(chunk)
        if before is None:
            return True
        results = next((each.results for each in self.open_chunks if each.number == before), None)
        return results is None or results >= self.shape(before).advanced_line
