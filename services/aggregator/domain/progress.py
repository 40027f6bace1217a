"""The progress of one chunk: which of its images have a result, and which events carried it over the two lines.

All results of a chunk come through one partition, so the offset alone names the event that caused a step. What is
said once can be said again by the very same event and by no other: a full chunk that answered every duplicate would
turn one of them into a storm.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from operator import itemgetter
from struct import Struct

from services.aggregator.domain import bitmap as bits
from services.aggregator.domain.bitmap import Bitmap

ADVANCED_SHARE = (3, 4)

_NEVER = -1
_TRIGGERS = Struct(">qq")


class Fact(Enum):
    """What can be said of a chunk."""

    ADVANCED = "advanced"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class ChunkShape:
    """The images that a chunk holds: `images` of them, from `first_index` on."""

    first_index: int
    images: int

    @property
    def advanced_line(self) -> int:
        """How many results let the chunk one window further on start: three quarters, rounded up."""
        share, whole = ADVANCED_SHARE
        return -(-self.images * share // whole)

    def positions(self, indexes: Iterable[int]) -> list[int]:
        """Places within the chunk; indexes of other chunks are left out."""
        places = (index - self.first_index for index in indexes)
        return [place for place in places if 0 <= place < self.images]


@dataclass(frozen=True, slots=True)
class ChunkProgress:
    """Images with a result, and the offsets of the events that crossed the lines."""

    bitmap: Bitmap = bits.EMPTY
    advanced_by: int | None = None
    completed_by: int | None = None

    @property
    def is_complete(self) -> bool:
        return self.completed_by is not None

    def to_bytes(self) -> bytes:
        triggers = (_NEVER if by is None else by for by in (self.advanced_by, self.completed_by))
        return _TRIGGERS.pack(*triggers) + bits.to_bytes(self.bitmap)

    @classmethod
    def from_bytes(cls, data: bytes) -> "ChunkProgress":
        triggers = (None if by == _NEVER else by for by in _TRIGGERS.unpack_from(data))
        return cls(bits.from_bytes(data[_TRIGGERS.size :]), *triggers)


def advance(
    progress: ChunkProgress, shape: ChunkShape, indexes: Iterable[int], *, offset: int
) -> tuple[ChunkProgress, tuple[Fact, ...]]:
    """Take the results of the event at `offset`; return the new value, and what this event has to say."""
    bitmap = bits.with_bits(progress.bitmap, shape.positions(indexes))
    done = bits.count(bitmap)
    advanced_by, completed_by = progress.advanced_by, progress.completed_by
    if advanced_by is None and done >= shape.advanced_line:
        advanced_by = offset
    if completed_by is None and done == shape.images:
        completed_by = offset
    crossed = {Fact.ADVANCED: advanced_by, Fact.COMPLETED: completed_by}
    said = tuple(fact for fact, by in crossed.items() if by == offset)
    return ChunkProgress(bitmap, advanced_by, completed_by), said


def from_rows(shape: ChunkShape, rows: Sequence[tuple[int, int]]) -> ChunkProgress:
    """Derive the value from result rows: pairs of an index and the offset that wrote it, in any order.

    The first event to bring an image wrote its row, so replaying the rows by offset crosses the lines where the
    events did.
    """
    progress = ChunkProgress()
    in_order = sorted(rows, key=itemgetter(1))
    for offset, group in groupby(in_order, key=itemgetter(1)):
        progress, _ = advance(progress, shape, [index for index, _ in group], offset=offset)
    return progress
