"""The table keeps no chunk that nobody will ask for again."""

import pytest

from services.aggregator.closed_chunks import KEYS_AT_ONCE, SECONDS_BETWEEN, SECONDS_BETWEEN_ROUNDS, LetGoOfClosedChunks
from services.aggregator.domain.progress import ChunkProgress
from services.aggregator.known_requests import KnownRequests
from services.aggregator.on_image_processed import ChunkId, OnImageProcessed
from shared.errors import DependencyAway
from shared.ids import RequestId
from tests.unit.aggregator.fakes import (
    REQUEST,
    FakeChunkTable,
    FakeFacts,
    FakeFiles,
    FakeRequestRows,
    FakeResults,
    noon,
    processed,
    request_file,
)


class AbsentResults(FakeResults):
    """Rows that cannot be read for a while."""

    is_away = False

    async def chunks(self, shapes):  # type: ignore[no-untyped-def]  # as its base says
        if self.is_away:
            raise DependencyAway("postgres", "no server")
        return await super().chunks(shapes)


class Stage:
    def __init__(self) -> None:
        self.seconds = 0.0
        self.results, self.table, self.facts = AbsentResults(), FakeChunkTable(), FakeFacts()
        known = KnownRequests(FakeRequestRows(), FakeFiles(request_file(images=40)), now=noon)
        handler = OnImageProcessed(known, self.results, self.table, self.facts)
        self.handle = LetGoOfClosedChunks(handler, self.results, self.table, clock=lambda: self.seconds)
        self.next_index = 0

    async def bring_one(self) -> None:
        """The next result of the request."""
        await self.handle([processed(self.next_index, offset=self.next_index, file=request_file(images=40))])
        self.next_index += 1

    def close(self, *chunks: int) -> None:
        self.results.recorded.setdefault(REQUEST, set()).update(chunks)


async def test_a_chunk_of_an_ended_request_is_let_go_with_a_later_batch() -> None:
    stage = Stage()
    await stage.bring_one()
    stage.close(0)
    stage.next_index = 4
    await stage.bring_one()
    assert set(stage.table.chunks) == {ChunkId(REQUEST, 0), ChunkId(REQUEST, 1)}
    stage.seconds += SECONDS_BETWEEN_ROUNDS
    await stage.bring_one()
    assert set(stage.table.chunks) == {ChunkId(REQUEST, 1)}


async def test_what_is_let_go_is_taken_from_rows_when_it_comes_again() -> None:
    stage = Stage()
    for _ in range(3):
        await stage.bring_one()
    said = list(stage.facts.published)
    stage.close(0)
    stage.next_index = 8
    stage.seconds += SECONDS_BETWEEN_ROUNDS
    await stage.bring_one()
    await stage.handle([processed(index, offset=100 + index, file=request_file(images=40)) for index in range(4)])
    assert stage.facts.published == said
    assert ChunkId(REQUEST, 0) not in stage.table.chunks


async def test_many_keys_are_looked_up_some_at_a_time() -> None:
    stage = Stage()
    request_id = RequestId("11111111-1111-4111-8111-111111111111")
    for chunk in range(KEYS_AT_ONCE + 1):
        stage.table.put(ChunkId(request_id, chunk), ChunkProgress())
    stage.results.recorded[request_id] = set(range(KEYS_AT_ONCE + 1))
    stage.seconds += SECONDS_BETWEEN_ROUNDS
    await stage.bring_one()
    assert len(stage.table.chunks) == 1 + 1
    stage.seconds += SECONDS_BETWEEN
    await stage.bring_one()
    assert set(stage.table.chunks) == {ChunkId(REQUEST, 0)}


async def test_between_rounds_no_key_is_looked_up() -> None:
    stage = Stage()
    await stage.bring_one()
    reads = stage.results.reads
    stage.seconds += SECONDS_BETWEEN_ROUNDS - 1
    await stage.bring_one()
    assert stage.results.reads == reads


async def test_a_look_that_fails_comes_again_with_the_batch() -> None:
    stage = Stage()
    await stage.bring_one()
    stage.close(0)
    stage.next_index = 4
    stage.seconds += SECONDS_BETWEEN_ROUNDS
    stage.results.is_away = True
    with pytest.raises(DependencyAway):
        await stage.bring_one()
    assert stage.facts.published == []
    stage.results.is_away = False
    await stage.bring_one()
    assert set(stage.table.chunks) == {ChunkId(REQUEST, 1)}


async def test_keys_of_an_old_assignment_are_not_looked_up() -> None:
    stage = Stage()
    await stage.bring_one()
    stage.handle.forget()
    stage.close(0)
    stage.seconds += SECONDS_BETWEEN_ROUNDS
    stage.next_index = 4
    await stage.bring_one()
    assert set(stage.table.chunks) == {ChunkId(REQUEST, 1)}
