"""The progress of one chunk under duplicates, disorder and redelivery."""

import random
from collections.abc import Sequence

import pytest

from services.aggregator.domain import bitmap as bits
from services.aggregator.domain.progress import ChunkProgress, ChunkShape, Fact, advance, from_rows

SHAPE = ChunkShape(first_index=40, images=10)


def run(indexes: Sequence[tuple[int, ...]], shape: ChunkShape = SHAPE) -> tuple[ChunkProgress, list[tuple[int, Fact]]]:
    """Take events at offsets 0, 1, ...; return the end and what each said."""
    progress, said = ChunkProgress(), []
    for offset, group in enumerate(indexes):
        progress, facts = advance(progress, shape, group, offset=offset)
        said += [(offset, fact) for fact in facts]
    return progress, said


def test_a_bitmap_survives_its_bytes() -> None:
    bitmap = bits.with_bits(bits.EMPTY, [0, 7, 8, 249])
    assert bits.from_bytes(bits.to_bytes(bitmap)) == bitmap
    assert bits.count(bitmap) == 4
    assert bits.with_bits(bitmap, [7]) == bitmap


@pytest.mark.parametrize(("images", "line"), [(1, 1), (2, 2), (3, 3), (4, 3), (10, 8), (250, 188)])
def test_three_quarters_are_rounded_up(images: int, line: int) -> None:
    assert ChunkShape(0, images).advanced_line == line


def test_each_line_is_announced_by_the_event_that_crosses_it() -> None:
    _, said = run([(index,) for index in range(40, 50)])
    assert said == [(7, Fact.ADVANCED), (9, Fact.COMPLETED)]


def test_one_event_may_cross_both_lines() -> None:
    _, said = run([tuple(range(40, 50))])
    assert said == [(0, Fact.ADVANCED), (0, Fact.COMPLETED)]


def test_a_duplicate_in_another_record_says_nothing() -> None:
    _, said = run([(index,) for index in range(40, 50)] + [(49,), (47,), (40,)])
    assert said == [(7, Fact.ADVANCED), (9, Fact.COMPLETED)]


def test_the_very_same_record_says_it_again() -> None:
    progress, _ = run([(index,) for index in range(40, 50)])
    again, said = advance(progress, SHAPE, (47,), offset=7)
    assert (again, said) == (progress, (Fact.ADVANCED,))
    assert advance(progress, SHAPE, (49,), offset=9) == (progress, (Fact.COMPLETED,))


def test_indexes_of_other_chunks_do_not_count() -> None:
    progress, said = run([(39, 50, 51, 1000)])
    assert (progress.bitmap, said) == (bits.EMPTY, [])


def test_a_value_survives_its_bytes() -> None:
    for events in ([], [(41,)], [tuple(range(40, 48))], [tuple(range(40, 50))]):
        progress, _ = run(events)
        assert ChunkProgress.from_bytes(progress.to_bytes()) == progress


@pytest.mark.parametrize("seed", range(60))
def test_rows_know_what_the_events_said_whatever_their_order(seed: int) -> None:
    chance = random.Random(seed)
    shape = ChunkShape(first_index=chance.randrange(100), images=chance.randint(1, 30))
    indexes = [shape.first_index + place for place in range(shape.images)]
    events = [tuple(chance.sample(indexes, chance.randint(1, min(3, shape.images)))) for _ in range(80)]
    progress, said = run(events, shape)
    rows: dict[int, int] = {}
    for offset, group in enumerate(events):
        for index in group:
            rows.setdefault(index, offset)
    pairs = list(rows.items())
    chance.shuffle(pairs)
    assert from_rows(shape, pairs) == progress
    assert len(said) == len({fact for _, fact in said})


@pytest.mark.parametrize("seed", range(60))
def test_a_replay_from_any_offset_says_the_same_and_no_more(seed: int) -> None:
    chance = random.Random(seed)
    events = [(index,) for index in chance.choices(range(40, 50), k=60)]
    progress, said = run(events)
    start = chance.randrange(len(events))
    replayed = []
    for offset in range(start, len(events)):
        progress, facts = advance(progress, SHAPE, events[offset], offset=offset)
        replayed += [(offset, fact) for fact in facts]
    assert replayed == [(offset, fact) for offset, fact in said if offset >= start]
