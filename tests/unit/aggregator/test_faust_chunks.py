"""The table of chunks: what changes often is written seldom, and read back at once."""

from services.aggregator.adapters.faust_chunks import WRITE_SECONDS, FaustChunkTable
from services.aggregator.domain.bitmap import EMPTY, with_bits
from services.aggregator.domain.progress import ChunkProgress
from services.aggregator.on_image_processed import ChunkId
from tests.unit.aggregator.fakes import REQUEST

FIRST, SECOND = ChunkId(REQUEST, 0), ChunkId(REQUEST, 1)


class Stage:
    def __init__(self) -> None:
        self.seconds = 100.0
        self.written: dict[bytes, bytes] = {}
        self.table = FaustChunkTable(self.written, clock=lambda: self.seconds)


def progress(images: int) -> ChunkProgress:
    return ChunkProgress(with_bits(EMPTY, range(images)))


def test_changes_of_a_while_are_written_together() -> None:
    stage = Stage()
    for images in range(1, 6):
        stage.table.put(FIRST, progress(images))
    assert list(stage.written.values()) == [progress(1).to_bytes()]
    assert stage.table.get(FIRST) == progress(5)
    stage.seconds += WRITE_SECONDS
    stage.table.put(SECOND, progress(1))
    assert sorted(stage.written.values()) == sorted([progress(5).to_bytes(), progress(1).to_bytes()])
    assert stage.table.get(FIRST) == progress(5)


def test_a_chunk_that_is_removed_is_gone_written_or_not() -> None:
    stage = Stage()
    stage.table.put(FIRST, progress(1))
    stage.table.put(SECOND, progress(1))
    for chunk in (FIRST, SECOND):
        stage.table.remove(chunk)
        assert stage.table.get(chunk) is None
    assert (stage.written, stage.table.keys()) == ({}, [])


def test_what_was_not_written_before_partitions_moved_is_not_written_any_more() -> None:
    stage = Stage()
    stage.table.put(FIRST, progress(1))
    stage.table.put(SECOND, progress(1))
    assert sorted(stage.table.keys()) == [FIRST, SECOND]
    stage.table.forget()
    stage.seconds += WRITE_SECONDS
    stage.table.put(FIRST, progress(2))
    assert list(stage.written.values()) == [progress(2).to_bytes()]
    assert stage.table.get(SECOND) is None
