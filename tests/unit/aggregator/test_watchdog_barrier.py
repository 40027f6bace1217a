"""The barrier that must be passed before something may be called lost."""

from datetime import timedelta

import pytest

from services.aggregator.barrier import (
    PLANNER,
    PROCESSORS,
    RETRYING_PROCESSORS,
    STREAM,
    TIER_PASSES,
    Barrier,
    Read,
    Reader,
    RetriesDone,
    images_done,
    releases_read,
)
from shared.errors import DependencyAway
from tests.unit.aggregator.fakes import NOON
from tests.unit.aggregator.watchdog_fakes import DEFERRED_FOR, FakeTopics

SECOND = timedelta(seconds=1)


def image_barrier(topics: FakeTopics) -> Barrier:
    return Barrier(topics, images_done(DEFERRED_FOR))


async def test_empty_topics_are_passed_at_once() -> None:
    assert await image_barrier(FakeTopics()).is_passed(NOON)


@pytest.mark.parametrize("reader", [PLANNER, PROCESSORS, RETRYING_PROCESSORS, STREAM], ids=str)
async def test_every_reader_is_waited_for(reader: Reader) -> None:
    topics = FakeTopics()
    topics.fill(reader)
    barrier = image_barrier(topics)
    assert not await barrier.is_passed(NOON)
    topics.catch_up(reader)
    assert await barrier.is_passed(NOON)


async def test_the_stages_are_looked_at_one_after_another() -> None:
    topics = FakeTopics()
    barrier = image_barrier(topics)
    for reader in (PLANNER, PROCESSORS, RETRYING_PROCESSORS, STREAM):
        topics.fill(reader)
    for reader in (PLANNER, PROCESSORS, RETRYING_PROCESSORS):
        assert not await barrier.is_passed(NOON)
        topics.catch_up(reader)
        # What a reader did leads to the next one: it counts, though it came after the barrier was begun.
        topics.fill(STREAM)
    topics.catch_up(STREAM)
    assert await barrier.is_passed(NOON)


async def test_what_comes_after_the_first_look_is_not_waited_for() -> None:
    topics = FakeTopics()
    topics.fill(PROCESSORS)
    stage = Read(PROCESSORS)
    assert not await stage.is_passed(topics, NOON)
    topics.catch_up(PROCESSORS)
    topics.fill(PROCESSORS, records=100)
    assert await stage.is_passed(topics, NOON)


async def test_a_topic_that_is_made_anew_is_waited_for_as_it_is_now() -> None:
    topics = FakeTopics()
    topics.fill(PROCESSORS, records=1000)
    stage = Read(PROCESSORS)
    assert not await stage.is_passed(topics, NOON)
    topics.lengths.clear()
    topics.fill(PROCESSORS, records=3)
    assert not await stage.is_passed(topics, NOON)
    topics.catch_up(PROCESSORS)
    assert await stage.is_passed(topics, NOON)


async def test_one_partition_that_lags_is_enough_to_wait() -> None:
    topics = FakeTopics()
    topics.fill(PROCESSORS, records=5)
    barrier = Barrier(topics, releases_read())
    topics.catch_up(PROCESSORS)
    topics.read_up_to[PROCESSORS.service, PROCESSORS.role, PROCESSORS.topics[1].name] = 4
    assert not await barrier.is_passed(NOON + timedelta(days=3))


async def test_a_tier_in_use_is_waited_for_as_long_as_an_image_may_be_deferred() -> None:
    topics = FakeTopics()
    stage = RetriesDone(DEFERRED_FOR)
    topics.fill(RETRYING_PROCESSORS)
    assert not await stage.is_passed(topics, NOON)
    topics.catch_up(RETRYING_PROCESSORS)
    topics.fill(RETRYING_PROCESSORS)
    assert not await stage.is_passed(topics, NOON + DEFERRED_FOR - SECOND)
    for _ in range(TIER_PASSES):
        assert not await stage.is_passed(topics, NOON + DEFERRED_FOR)
        topics.catch_up(RETRYING_PROCESSORS)
        topics.fill(RETRYING_PROCESSORS)
    assert await stage.is_passed(topics, NOON + DEFERRED_FOR)


async def test_time_alone_proves_nothing_while_nobody_reads_the_tiers() -> None:
    topics = FakeTopics()
    stage = RetriesDone(DEFERRED_FOR)
    topics.fill(RETRYING_PROCESSORS)
    for days in range(5):
        assert not await stage.is_passed(topics, NOON + timedelta(days=days))


async def test_tiers_seen_empty_are_done_before_their_time() -> None:
    topics = FakeTopics()
    stage = RetriesDone(DEFERRED_FOR)
    topics.fill(RETRYING_PROCESSORS)
    assert not await stage.is_passed(topics, NOON)
    topics.catch_up(RETRYING_PROCESSORS)
    assert await stage.is_passed(topics, NOON + SECOND)


class HoppingRecord(FakeTopics):
    """A record leaves the first tier for the second between the two questions."""

    async def ends(self, reader: Reader) -> "dict":  # type: ignore[type-arg]  # as the port says
        first, second = RETRYING_PROCESSORS.topics[:2]
        if self.lengths[second.name] == 0:
            self.lengths[second.name] = 1
            self.read_up_to[reader.service, reader.role, first.name] = 1
        return dict(await super().ends(reader))


async def test_a_record_that_hops_between_two_questions_is_seen() -> None:
    topics = HoppingRecord()
    topics.lengths[RETRYING_PROCESSORS.topics[0].name] = 1
    assert not await RetriesDone(DEFERRED_FOR).is_passed(topics, NOON)


async def test_a_barrier_survives_that_the_broker_is_away() -> None:
    topics = FakeTopics()
    topics.fill(PLANNER)
    barrier = image_barrier(topics)
    assert not await barrier.is_passed(NOON)
    topics.is_away = True
    with pytest.raises(DependencyAway):
        await barrier.is_passed(NOON)
    topics.is_away = False
    topics.catch_up()
    assert await barrier.is_passed(NOON)
