"""Images have results: record them, advance their chunks, and say what crossed a line.

Rows are the truth, the table of chunks is a cache of those in flight. A chunk that was not seen since partitions were
last assigned is derived from its rows, whatever the table says: a changelog may lack writes, or have those of a
worker that had lost its partitions.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from services.aggregator.domain.progress import ChunkProgress, ChunkShape, Fact, advance, from_rows
from services.aggregator.metrics import RESULTS_RECORDED
from shared.events import ChunkAdvanced, ChunkCompleted, Event, ImageProcessed
from shared.ids import RequestId
from shared.kafka.producer import Facts
from shared.kafka.records import Received
from shared.topics import REQUESTS_PROGRESS
from shared.trace_context import enter_trace

Results = Sequence[Received[ImageProcessed]]
Said = tuple[Received[ImageProcessed], Sequence[Fact]]


class ChunkId(NamedTuple):
    request_id: RequestId
    chunk: int


@dataclass(frozen=True, slots=True)
class ChunkRows:
    """What the result rows know of a chunk: pairs of an index and the offset that wrote it.

    A closed chunk is recorded, or its request has ended: nothing is said of it any more.
    """

    is_closed: bool
    rows: Sequence[tuple[int, int]]


class ResultRows(Protocol):
    async def record(self, results: Results) -> None:
        """Write a row for each index; a row that exists stays as it is."""

    async def chunks(self, shapes: Mapping[ChunkId, ChunkShape]) -> Mapping[ChunkId, ChunkRows]:
        """Read what the rows know of these chunks; every one of them is in the answer."""
        ...


class StartedRequests(Protocol):
    async def started(self, request_ids: Sequence[RequestId]) -> Mapping[RequestId, int]:
        """Note that these requests have results; return their chunk sizes, without those that are gone."""
        ...


class ChunkTable(Protocol):
    """The cache of chunks in flight."""

    def get(self, chunk: ChunkId) -> ChunkProgress | None: ...

    def put(self, chunk: ChunkId, progress: ChunkProgress) -> None: ...

    def remove(self, chunk: ChunkId) -> None: ...


class OnImageProcessed:
    """Handles batches; a batch that failed half-way, or comes again, is handled again from its start."""

    def __init__(self, requests: StartedRequests, rows: ResultRows, table: ChunkTable, facts: Facts) -> None:
        self._requests = requests
        self._rows = rows
        self._table = table
        self._facts = facts
        self._confirmed: set[ChunkId] = set()

    def forget(self) -> None:
        """Partitions were assigned: what the table says has to be confirmed by rows again."""
        # A new set, so that a batch still running from before confirms nothing.
        self._confirmed = set()

    def let_go(self, chunks: Iterable[ChunkId]) -> None:
        """Forget chunks that are closed; should an event of theirs come again, rows know so."""
        for chunk in chunks:
            self._drop(chunk)

    async def __call__(self, batch: Results) -> None:
        sizes = await self._requests.started(list({each.event.request_id for each in batch}))
        wanted = [each for each in batch if each.event.request_id in sizes]
        if not wanted:
            return
        await self._rows.record(wanted)
        RESULTS_RECORDED.inc(sum(len(each.event.indexes) for each in wanted))
        shapes = {chunk_of(each.event): _shape(each.event, sizes) for each in wanted}
        closed = await self._confirm(shapes)
        said = self._advance([each for each in wanted if chunk_of(each.event) not in closed], shapes)
        await asyncio.gather(*(self._say(received, facts) for received, facts in said))
        self._settle(shapes)

    async def _confirm(self, shapes: Mapping[ChunkId, ChunkShape]) -> set[ChunkId]:
        """Bring unconfirmed chunks in line with their rows; return the closed ones."""
        confirmed = self._confirmed
        unconfirmed = {chunk: shape for chunk, shape in shapes.items() if chunk not in confirmed}
        if not unconfirmed:
            return set()
        known = await self._rows.chunks(unconfirmed)
        closed = {chunk for chunk in unconfirmed if known[chunk].is_closed}
        for chunk in closed:
            self._drop(chunk)
        for chunk in unconfirmed.keys() - closed:
            self._write(chunk, from_rows(shapes[chunk], known[chunk].rows))
            confirmed.add(chunk)
        return closed

    def _advance(self, results: Results, shapes: Mapping[ChunkId, ChunkShape]) -> list[Said]:
        """Take every result in; return the facts to say, each with the event that caused it."""
        all_said: list[Said] = []
        touched: dict[ChunkId, ChunkProgress] = {}
        for each in results:
            chunk = chunk_of(each.event)
            before = touched.get(chunk) or self._table.get(chunk) or ChunkProgress()
            touched[chunk], said = advance(before, shapes[chunk], each.event.indexes, offset=each.trigger.offset)
            if said:
                all_said.append((each, said))
        for chunk, progress in touched.items():
            self._write(chunk, progress)
        return all_said

    async def _say(self, received: Received[ImageProcessed], facts: Sequence[Fact]) -> None:
        enter_trace(received.headers.get("traceparent"))
        await self._facts.publish(REQUESTS_PROGRESS, *_events(facts, received.event))

    def _settle(self, chunks: Iterable[ChunkId]) -> None:
        """Let go of full chunks: should an event of theirs come again, rows know what it had to say."""
        for chunk in chunks:
            progress = self._table.get(chunk)
            if progress is not None and progress.is_complete:
                self._drop(chunk)

    def _write(self, chunk: ChunkId, progress: ChunkProgress) -> None:
        # An unchanged value is not written again: every write goes to the changelog.
        if self._table.get(chunk) != progress:
            self._table.put(chunk, progress)

    def _drop(self, chunk: ChunkId) -> None:
        self._confirmed.discard(chunk)
        if self._table.get(chunk) is not None:
            self._table.remove(chunk)


def chunk_of(event: ImageProcessed) -> ChunkId:
    return ChunkId(event.request_id, event.chunk)


def _shape(event: ImageProcessed, sizes: Mapping[RequestId, int]) -> ChunkShape:
    return ChunkShape(first_index=event.chunk * sizes[event.request_id], images=event.chunk_images)


def _events(said: Sequence[Fact], event: ImageProcessed) -> list[Event]:
    models = {Fact.ADVANCED: ChunkAdvanced, Fact.COMPLETED: ChunkCompleted}
    return [
        models[fact](
            request_id=event.request_id,
            owner=event.owner,
            chunk=event.chunk,
            chunks_total=event.chunks_total,
            window=event.window,
        )
        for fact in said
    ]
