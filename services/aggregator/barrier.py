"""A proof that what was under way has arrived: readers have passed everything that stood in their topics.

A long backlog is not a loss. Only who waited at a barrier may say that an event or a result was lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from shared.kafka.records import TopicPartition
from shared.topics import (
    IMAGES_PROCESSED,
    IMAGES_REQUESTED_BULK,
    IMAGES_REQUESTED_EXPRESS,
    IMAGES_RETRY,
    REQUESTS_ACCEPTED,
    REQUESTS_PROGRESS,
    Topic,
)


@dataclass(frozen=True, slots=True)
class Reader:
    """A consumer group, by service and role, and those of its topics that are meant."""

    service: str
    role: str
    topics: tuple[Topic, ...]


PLANNER: Final = Reader("ingest", "planner", (REQUESTS_ACCEPTED, REQUESTS_PROGRESS))
PROCESSORS: Final = Reader("processor", "images", (IMAGES_REQUESTED_EXPRESS, IMAGES_REQUESTED_BULK))
RETRYING_PROCESSORS: Final = Reader("processor", "images", IMAGES_RETRY)
STREAM: Final = Reader("aggregator", "stream", (IMAGES_PROCESSED,))
ASSEMBLER: Final = Reader("aggregator", "assembler", (REQUESTS_PROGRESS,))
NEWCOMERS: Final = Reader("aggregator", "requests", (REQUESTS_ACCEPTED,))

# A record that waited as long as it may is tried at once, and each try that fails leads into a tier once more;
# clocks that differ a little may cost a hop.
TIER_PASSES: Final = 6

Places = Mapping[TopicPartition, int]


class Offsets(Protocol):
    """Raises `DependencyAway`."""

    async def ends(self, reader: Reader) -> Places:
        """The offset of the next record to come, for each partition of the reader's topics."""
        ...

    async def read(self, reader: Reader) -> Places:
        """The offset up to which the reader is done, or up to which records are gone, for each partition.

        It is at most the end: what was read of a topic that was made anew since does not count.
        """
        ...


class Stage(Protocol):
    async def is_passed(self, offsets: Offsets, now: datetime, /) -> bool: ...


class Read:
    """Everything that stood in the reader's topics at the first look has been read."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._ends: Places | None = None

    async def is_passed(self, offsets: Offsets, _now: datetime, /) -> bool:
        if self._ends is None:
            self._ends = await offsets.ends(self._reader)
        read = await offsets.read(self._reader)
        if _has_passed(read, self._ends):
            return True
        # A topic that was made anew begins at 0, and never comes to where it was.
        now_there = await offsets.ends(self._reader)
        self._ends = {partition: min(end, now_there.get(partition, 0)) for partition, end in self._ends.items()}
        return False


class RetriesDone:
    """What was in the retry tiers at the first look, and what hopped from tier to tier since, is done.

    Either all tiers are seen empty, or the time is over for which a record may be deferred and the tiers were
    passed once for every try that it still has.
    """

    def __init__(self, patience: timedelta) -> None:
        self._patience = patience
        self._over_at: datetime | None = None
        self._passes = [Read(RETRYING_PROCESSORS) for _ in range(TIER_PASSES)]

    async def is_passed(self, offsets: Offsets, now: datetime, /) -> bool:
        if self._over_at is None:
            self._over_at = now + self._patience
        # In this order: a record that moves between two looks is then seen where it arrives.
        read = await offsets.read(RETRYING_PROCESSORS)
        if _has_passed(read, await offsets.ends(RETRYING_PROCESSORS)):
            return True
        if now < self._over_at:
            return False
        while self._passes and await self._passes[0].is_passed(offsets, now):
            self._passes.pop(0)
        return not self._passes


class Barrier:
    """Stages one after another: each looks for the first time when the one before is passed."""

    def __init__(self, offsets: Offsets, stages: Sequence[Stage]) -> None:
        self._offsets = offsets
        self._stages = list(stages)

    async def is_passed(self, now: datetime) -> bool:
        """Whether all stages are passed; to be asked again until they are. Raises `DependencyAway`."""
        while self._stages:
            if not await self._stages[0].is_passed(self._offsets, now):
                return False
            self._stages.pop(0)
        return True


def acceptances_read() -> list[Stage]:
    """Every acceptance that was said has been heard, and its request has a row."""
    return [Read(NEWCOMERS)]


def progress_read() -> list[Stage]:
    """Every result that was said has a row, and every complete chunk that was said to be is recorded."""
    return [Read(NEWCOMERS), Read(STREAM), Read(ASSEMBLER)]


def releases_read() -> list[Stage]:
    """No event that releases a chunk waits for its reader, and no released image waits for a processor."""
    return [Read(PLANNER), Read(PROCESSORS)]


def images_done(patience: timedelta) -> list[Stage]:
    """Every image that was released when the first stage passed has a result, unless it was lost."""
    return [*releases_read(), RetriesDone(patience), Read(STREAM)]


def _has_passed(read: Places, ends: Places) -> bool:
    return all(read.get(partition, 0) >= end for partition, end in ends.items())
