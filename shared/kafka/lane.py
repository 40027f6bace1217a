"""One assigned partition: what waits, what runs, and how far it may be committed."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from shared.kafka.records import Record, TopicPartition
from shared.kafka.watermark import Watermark
from shared.topics import Topic


@dataclass(frozen=True, slots=True)
class Handling:
    """How many records a consumer works on at once.

    `in_flight` bounds what runs over all partitions, `span` the distance within a partition from the oldest
    unfinished record to the newest started one. With `ordered_by_key` records of one key run one after another.
    `drain_seconds` is what running records get at a stop or a rebalance before they are dropped (and come again).
    """

    in_flight: int = 8
    span: int = 256
    ordered_by_key: bool = False
    drain_seconds: float = 15.0
    commit_seconds: float = 1.0

    @property
    def prefetch(self) -> int:
        """Waiting records per partition at which fetching pauses."""
        return max(4 * self.in_flight, 32)


class Lane:
    """The records of one partition, from their arrival to their commit."""

    def __init__(self, handling: Handling, *, delay_seconds: float = 0.0) -> None:
        self._handling = handling
        self._delay_seconds = delay_seconds
        self._waiting: deque[Record] = deque()
        self._running_keys: set[bytes | None] = set()
        self._watermark = Watermark()
        self.committed: int | None = None
        self.is_paused = False

    def take(self, records: Iterable[Record]) -> None:
        for record in records:
            self._watermark.received(record.offset)
            self._waiting.append(record)

    def is_due(self, now: float) -> bool:
        """Whether the first waiting record may run at `now` (Unix seconds): a retry tier holds each for its delay."""
        if not self._delay_seconds:
            # Elsewhere the timestamp is whatever the writer's clock said: nothing may wait for that.
            return bool(self._waiting)
        return bool(self._waiting) and self._waiting[0].timestamp_ms / 1000 + self._delay_seconds <= now

    def start_next(self, now: float) -> Record | None:
        """Take out the next record that may run now, if there is one."""
        if not self.is_due(now):
            return None
        blocked = set(self._running_keys)
        for place, record in enumerate(self._waiting):
            if self._watermark.span_to(record.offset) >= self._handling.span:
                return None
            if not self._handling.ordered_by_key or record.key not in blocked:
                del self._waiting[place]
                self._running_keys.add(record.key)
                return record
            blocked.add(record.key)
        return None

    def finish(self, record: Record) -> None:
        self._running_keys.discard(record.key)
        self._watermark.finished(record.offset)

    @property
    def uncommitted(self) -> int | None:
        """The offset to commit, or `None` when that stands already."""
        position = self._watermark.position
        return None if position == self.committed else position

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to start, to finish or to commit."""
        return self._watermark.is_at_rest and self.uncommitted is None

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= self._handling.prefetch

    @property
    def has_room(self) -> bool:
        return len(self._waiting) <= self._handling.prefetch // 2


def lanes_of(
    partitions: Iterable[TopicPartition], topics: Mapping[str, Topic], handling: Handling
) -> dict[TopicPartition, Lane]:
    """A lane for each partition, in order."""
    return {
        partition: Lane(handling, delay_seconds=topics[partition.topic].delay.total_seconds())
        for partition in sorted(partitions)
    }


def turns_of(lanes: Mapping[TopicPartition, Lane], topics: Mapping[str, Topic]) -> Iterator[Lane]:
    """One cycle of turns: a lane of weight 4 has its turn in each of 4 rounds, one of weight 1 in the first alone."""
    weights = {partition: topics[partition.topic].weight for partition in lanes}
    for number in range(max(weights.values(), default=0)):
        yield from (lane for partition, lane in lanes.items() if number < weights[partition])
