"""Lets go of chunks that nobody will ask for again: recorded, or of a request that has ended or was deleted.

A chunk that becomes complete is let go at once. One whose request ended before would stay in the table for ever: its
key is looked up in the rows, some keys at a time, in the turns that batches bring. Without batches nothing is done,
and nothing grows.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from services.aggregator.domain.progress import ChunkShape
from services.aggregator.on_image_processed import ChunkId, ResultRows, Results

KEYS_AT_ONCE: Final = 200
SECONDS_BETWEEN: Final = 1.0
SECONDS_BETWEEN_ROUNDS: Final = 60.0
# Whether a chunk is closed does not depend on its images: none of their rows are read.
_NO_IMAGES: Final = ChunkShape(first_index=0, images=0)


class Chunks(Protocol):
    """The table of chunks in flight."""

    def keys(self) -> Iterable[ChunkId]: ...


class BatchHandler(Protocol):
    def forget(self) -> None: ...

    def let_go(self, chunks: Iterable[ChunkId]) -> None: ...

    async def __call__(self, batch: Results) -> None: ...


class LetGoOfClosedChunks:
    """Before a batch is handled: a part that is away leads to the whole batch once more."""

    def __init__(
        self, handler: BatchHandler, rows: ResultRows, table: Chunks, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._handler = handler
        self._rows = rows
        self._table = table
        self._clock = clock
        self._keys: list[ChunkId] = []
        self._next_look = clock() + SECONDS_BETWEEN_ROUNDS

    def forget(self) -> None:
        """Partitions were assigned: keys are read from the table again."""
        self._keys = []
        self._handler.forget()

    async def __call__(self, batch: Results) -> None:
        if self._clock() >= self._next_look:
            await self._look()
        await self._handler(batch)

    async def _look(self) -> None:
        self._keys = self._keys or list(self._table.keys())
        some, rest = self._keys[:KEYS_AT_ONCE], self._keys[KEYS_AT_ONCE:]
        if some:
            found = await self._rows.chunks(dict.fromkeys(some, _NO_IMAGES))
            self._handler.let_go(chunk for chunk, rows in found.items() if rows.is_closed)
        self._keys = rest
        self._next_look = self._clock() + (SECONDS_BETWEEN if rest else SECONDS_BETWEEN_ROUNDS)
