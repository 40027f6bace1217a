"""Looking for dead processors before their records come."""

import pytest

from services.processor.adopting_records import AdoptingRecords
from shared.kafka.memory import MemoryBroker, MemoryRecords
from shared.kafka.records import TopicPartition
from shared.topics import IMAGES_REQUESTED_EXPRESS


class Watch:
    """What happened, in its order."""

    def __init__(self, failure: Exception | None = None) -> None:
        broker = MemoryBroker()
        self.partitions = set(broker.partitions(IMAGES_REQUESTED_EXPRESS.name))
        self.seen: list[object] = []
        self._records = MemoryRecords(broker, group="images", topics=[IMAGES_REQUESTED_EXPRESS])
        self._failure = failure

    async def starts(self) -> None:
        await AdoptingRecords(self._records, self._adopt).start(self._ignore, self._is_told)

    async def _adopt(self) -> None:
        self.seen.append("adopt")
        if self._failure is not None:
            raise self._failure

    async def _ignore(self, _partitions: set[TopicPartition]) -> None:
        return

    async def _is_told(self, partitions: set[TopicPartition]) -> None:
        self.seen.append(partitions)


async def test_the_dead_are_looked_for_at_the_start_and_before_an_assignment_is_told() -> None:
    watch = Watch()
    await watch.starts()
    assert watch.seen == ["adopt", "adopt", watch.partitions]


async def test_an_assignment_is_told_although_looking_for_the_dead_failed(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch(ValueError("nonsense"))
    await watch.starts()
    assert watch.seen == ["adopt", "adopt", watch.partitions]
    assert {record.message for record in caplog.records} == {"dead processors were not looked at"}
