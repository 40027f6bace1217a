"""A source of records that looks for dead processors before their records can come."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from shared.kafka.records import Record, TopicPartition
from shared.kafka.source import OnPartitions, RecordSource
from shared.topics import Topic

log = logging.getLogger(__name__)


class AdoptingRecords:
    """The records of another source. `adopt` runs when it starts and before each assignment is told.

    What it raises is logged. An assignment that is never told would leave its partitions unread.
    """

    def __init__(self, source: RecordSource, adopt: Callable[[], Awaitable[None]]) -> None:
        self._source = source
        self._adopt = adopt

    @property
    def topics(self) -> Mapping[str, Topic]:
        return self._source.topics

    async def start(self, on_revoked: OnPartitions, on_assigned: OnPartitions) -> None:
        async def adopt_first(partitions: set[TopicPartition]) -> None:
            await self._try_to_adopt()
            await on_assigned(partitions)

        await self._try_to_adopt()
        await self._source.start(on_revoked, adopt_first)

    async def _try_to_adopt(self) -> None:
        try:
            await self._adopt()
        except Exception:
            log.exception("dead processors were not looked at")

    async def poll(self, *, timeout_seconds: float, max_records: int) -> Mapping[TopicPartition, Sequence[Record]]:
        return await self._source.poll(timeout_seconds=timeout_seconds, max_records=max_records)

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        self._source.pause(partitions)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        self._source.resume(partitions)

    async def rewind(self, partitions: Iterable[TopicPartition]) -> None:
        await self._source.rewind(partitions)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        await self._source.commit(offsets)

    async def stop(self) -> None:
        await self._source.stop()
