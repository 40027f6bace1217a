"""Whose turn it is, and when."""

from shared.kafka.lane import Handling, Lane, lanes_of, turns_of
from shared.kafka.records import Record, TopicPartition
from shared.topics import IMAGES_REQUESTED_BULK, IMAGES_REQUESTED_EXPRESS, IMAGES_RETRY

TOPICS = {topic.name: topic for topic in (IMAGES_REQUESTED_EXPRESS, IMAGES_REQUESTED_BULK, *IMAGES_RETRY)}


def record(offset: int, timestamp_ms: int) -> Record:
    return Record("t", 0, offset, None, b"", (), timestamp_ms)


def test_a_retry_tier_holds_each_record_for_its_delay() -> None:
    lane = Lane(Handling(), delay_seconds=4.0)
    lane.take([record(0, 10_000), record(1, 11_500)])
    assert [lane.start_next(now) for now in (10.0, 13.9)] == [None, None]
    assert lane.start_next(14.0) == record(0, 10_000)
    assert lane.start_next(15.4) is None
    assert lane.start_next(99.0) == record(1, 11_500)


def test_a_record_whose_writer_has_a_fast_clock_does_not_wait_for_it() -> None:
    lane = Lane(Handling())
    lane.take([record(0, 99_000_000)])
    assert lane.start_next(1.0) == record(0, 99_000_000)


def test_what_waits_in_a_tier_is_not_committed() -> None:
    lane = Lane(Handling(), delay_seconds=4.0)
    lane.take([record(7, 10_000)])
    assert lane.uncommitted == 7


def test_an_express_partition_has_four_turns_for_one_of_bulk() -> None:
    express, bulk = (TopicPartition(name, 0) for name in (IMAGES_REQUESTED_EXPRESS.name, IMAGES_REQUESTED_BULK.name))
    lanes = lanes_of({express, bulk}, TOPICS, Handling())
    turns = list(turns_of(lanes, TOPICS))
    assert [turns.count(lanes[partition]) for partition in (express, bulk)] == [4, 1]


def test_no_partitions_have_no_turns() -> None:
    assert list(turns_of({}, TOPICS)) == []


def test_a_lane_is_quiet_when_all_is_done_and_committed() -> None:
    lane = Lane(Handling())
    quiet = [lane.is_quiet]
    lane.take([record(0, 0)])
    quiet.append(lane.is_quiet)
    running = lane.start_next(1.0)
    assert running is not None
    quiet.append(lane.is_quiet)
    lane.finish(running)
    quiet.append(lane.is_quiet)
    lane.committed = lane.uncommitted
    quiet.append(lane.is_quiet)
    assert quiet == [True, False, False, False, True]
