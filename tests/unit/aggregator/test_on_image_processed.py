"""Results in, facts out: with duplicates, lost changelogs, parts that are away, and redelivery."""

import random

import pytest

from services.aggregator.domain.progress import ChunkProgress
from services.aggregator.known_requests import KnownRequests
from services.aggregator.on_image_processed import ChunkId, OnImageProcessed
from shared.errors import DependencyAway
from shared.events import ChunkAdvanced, ChunkCompleted
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


class Stage:
    """A handler with its stand-ins."""

    def __init__(self) -> None:
        self.files = FakeFiles(request_file())
        self.requests, self.results = FakeRequestRows(), FakeResults()
        self.table, self.facts = FakeChunkTable(), FakeFacts()
        self.handle = self.restarted()

    def restarted(self) -> OnImageProcessed:
        known = KnownRequests(self.requests, self.files, now=noon)
        return OnImageProcessed(known, self.results, self.table, self.facts)

    def said(self) -> list[tuple[str, int]]:
        return [
            (event.TYPE, event.chunk)
            for event in self.facts.published
            if isinstance(event, ChunkAdvanced | ChunkCompleted)
        ]


async def test_a_full_chunk_is_announced_and_let_go() -> None:
    stage = Stage()
    await stage.handle([processed(index, offset=index) for index in range(4)])
    assert stage.said() == [("chunk.advanced", 0), ("chunk.completed", 0)]
    assert stage.table.chunks == {}
    assert stage.requests.rows[REQUEST].started_at is not None


@pytest.mark.checklist("A1")
async def test_one_event_counts_for_all_its_indexes() -> None:
    stage = Stage()
    await stage.handle([processed(0, offset=0, also=(1, 2, 3))])
    assert stage.said() == [("chunk.advanced", 0), ("chunk.completed", 0)]
    assert len(stage.results.rows) == 4


@pytest.mark.checklist("A1")
async def test_the_same_batch_handled_twice_writes_no_row_and_repeats_what_it_said() -> None:
    stage = Stage()
    batch = [processed(index, offset=index) for index in range(4)]
    await stage.handle(batch)
    rows = dict(stage.results.rows)
    await stage.handle(batch)
    assert stage.results.rows == rows
    assert stage.said() == [("chunk.advanced", 0), ("chunk.completed", 0)] * 2


@pytest.mark.checklist("A1")
async def test_duplicates_in_other_records_say_nothing() -> None:
    stage = Stage()
    await stage.handle([processed(index, offset=index) for index in range(4)])
    await stage.handle([processed(index, offset=10 + index, fails=True) for index in range(4)])
    assert stage.said() == [("chunk.advanced", 0), ("chunk.completed", 0)]
    assert {outcome for outcome, _ in stage.results.rows.values()} == {"succeeded"}


async def test_a_crash_between_rows_and_facts_loses_no_fact() -> None:
    stage = Stage()
    batch = [processed(index, offset=index) for index in range(4)]
    stage.facts.failures = 10
    with pytest.raises(DependencyAway):
        await stage.handle(batch)
    stage.facts.failures = 0
    stage.table.chunks.clear()
    await stage.restarted()(batch)
    assert stage.said() == [("chunk.advanced", 0), ("chunk.completed", 0)]


async def test_a_lost_table_is_seeded_from_rows() -> None:
    stage = Stage()
    await stage.handle([processed(index, offset=index) for index in range(3)])
    stage.table.chunks.clear()
    await stage.restarted()([processed(3, offset=3)])
    assert stage.said() == [("chunk.advanced", 0), ("chunk.completed", 0)]


async def test_old_values_in_the_changelog_are_corrected_by_rows() -> None:
    stage = Stage()
    await stage.handle([processed(0, offset=0)])
    stale = dict(stage.table.chunks)
    await stage.handle([processed(1, offset=1), processed(2, offset=2)])
    stage.handle.forget()
    stage.table.chunks = stale
    await stage.handle([processed(3, offset=3)])
    assert stage.said() == [("chunk.advanced", 0), ("chunk.completed", 0)]


async def test_rows_are_read_once_for_a_chunk_in_flight() -> None:
    stage = Stage()
    for index in range(3):
        await stage.handle([processed(index, offset=index)])
    assert stage.results.reads == 1


async def test_a_recorded_chunk_is_answered_with_nothing_and_leaves_the_table() -> None:
    stage = Stage()
    stage.results.recorded[REQUEST] = {0}
    stage.table.chunks[ChunkId(REQUEST, 0)] = ChunkProgress()
    await stage.handle([processed(index, offset=index) for index in range(4)])
    assert stage.said() == []
    assert stage.table.chunks == {}


async def test_an_unchanged_value_is_not_written_again() -> None:
    stage = Stage()
    await stage.handle([processed(0, offset=0)])
    writes = stage.table.writes
    await stage.handle([processed(0, offset=1)])
    assert stage.table.writes == writes


async def test_results_of_a_deleted_request_are_dropped_and_others_go_on() -> None:
    stage = Stage()
    gone = request_file(request_id=RequestId("00000000-0000-4000-8000-000000000000"))
    await stage.handle([processed(0, offset=0, file=gone), processed(0, offset=1)])
    assert {request_id for request_id, _ in stage.results.rows} == {REQUEST}


@pytest.mark.parametrize("seed", range(40))
async def test_crashes_replays_and_lost_tables_leave_every_chunk_announced(seed: int) -> None:
    chance = random.Random(seed)
    stage = Stage()
    log = [processed(index, offset=offset) for offset, index in enumerate(chance.choices(range(8), k=20))]
    log += [processed(index, offset=20 + index) for index in range(8)]
    committed = 0
    while committed < len(log):
        batch = log[committed : committed + chance.randint(1, 6)]
        stage.facts.failures = chance.choice([0, 0, 1, 2])
        try:
            await stage.handle(batch)
        except DependencyAway:
            stage.handle = stage.restarted()
            if chance.random() < 0.5:
                stage.table.chunks.clear()
        else:
            committed += chance.choice([0, len(batch)])
    assert set(stage.said()) == {(fact, chunk) for fact in ("chunk.advanced", "chunk.completed") for chunk in (0, 1)}
    assert len(stage.results.rows) == 8
