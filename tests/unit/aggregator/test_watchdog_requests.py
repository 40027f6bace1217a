"""What the watchdog does about requests that stand still, and that it leaves all others alone."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from services.aggregator.barrier import ASSEMBLER, NEWCOMERS, PLANNER, PROCESSORS, RETRYING_PROCESSORS, STREAM
from services.aggregator.domain.standstill import LONGEST_SILENCE
from services.aggregator.known_requests import RequestDamaged
from services.aggregator.lost_images import MOST_REPUBLISHED
from shared.errors import DependencyAway
from shared.events import ChunkAdvanced, ChunkCompleted, ImageProcessed, ImageRequested, RequestAccepted
from shared.ids import RequestId
from shared.request_files import ManifestImage, RequestFile
from shared.topics import IMAGES_REQUESTED_BULK
from tests.unit.aggregator.fakes import FakeFiles, request_file
from tests.unit.aggregator.watchdog_fakes import PATIENCE, World

MINUTE = timedelta(minutes=1)
LITTLE = timedelta(seconds=20)


async def world_with(file: RequestFile) -> World:
    world = World(file)
    await world.know(file)
    await world.turns()
    return world


def lost_indexes(world: World) -> list[list[int]]:
    """The indexes of each event that requests an image."""
    return [list(event.indexes) for event in world.topics.events() if isinstance(event, ImageRequested)]


async def test_a_request_that_moves_is_left_alone() -> None:
    file = request_file(images=40, chunk_size=4)
    world = await world_with(file)
    for index in range(30):
        world.bring(file, index)
        world.topics.catch_up()
        await world.watch_for(LITTLE)
        if index % 4 == 3:
            world.record(file, index // 4)
    assert world.topics.published == []


async def test_a_request_that_just_began_to_stand_still_is_left_alone() -> None:
    world = await world_with(request_file())
    await world.watch_for(PATIENCE - timedelta(seconds=5))
    assert world.topics.published == []


async def test_a_first_window_that_was_never_released_is_released_by_its_acceptance() -> None:
    world = await world_with(request_file(images=8, chunk_size=4))
    await world.watch_for(PATIENCE + LITTLE)
    assert [type(event) for event in world.topics.events()] == [RequestAccepted]


async def test_a_later_chunk_is_released_by_the_chunk_one_window_before() -> None:
    file = request_file(images=16, chunk_size=4)
    world = await world_with(file)
    for chunk in (0, 1, 2):
        world.record(file, chunk)
    await world.watch_for(PATIENCE + LITTLE)
    (event,) = world.topics.events()
    assert isinstance(event, ChunkAdvanced)
    assert (event.chunk, event.window, event.chunks_total) == (1, 2, 4)


async def test_a_chunk_that_is_not_due_is_not_released() -> None:
    file = request_file(images=16, chunk_size=4)
    world = await world_with(file)
    world.bring(file, 0, 1, 4, 5)
    await world.watch_for(PATIENCE + LITTLE)
    assert not [event for event in world.topics.events() if isinstance(event, ChunkAdvanced)]


async def test_three_quarters_of_a_chunk_make_the_one_after_the_window_due() -> None:
    file = request_file(images=16, chunk_size=4)
    world = await world_with(file)
    world.bring(file, 0, 1, 2, 4)
    await world.watch_for(PATIENCE + LITTLE)
    advanced = [event.chunk for event in world.topics.events() if isinstance(event, ChunkAdvanced)]
    assert advanced == [0]


async def test_nothing_is_released_again_while_events_or_images_wait_for_their_readers() -> None:
    world = await world_with(request_file())
    world.topics.fill(PROCESSORS, records=1000)
    await world.watch_for(10 * MINUTE)
    world.topics.catch_up(PROCESSORS)
    assert world.topics.published == []
    await world.watch_for(LITTLE)
    assert [type(event) for event in world.topics.events()] == [RequestAccepted]


async def test_lost_images_are_requested_again_and_only_those() -> None:
    file = request_file(images=8, chunk_size=4)
    world = await world_with(file)
    world.bring(file, 0, 2, 4, 5, 6)
    await world.watch_for(PATIENCE + LITTLE)
    assert lost_indexes(world) == [[1], [3], [7]]
    assert {topic for topic, event in world.topics.published} == {IMAGES_REQUESTED_BULK.name}


async def test_images_are_not_requested_again_before_every_reader_has_passed_them() -> None:
    file = request_file(images=4, chunk_size=4)
    world = await world_with(file)
    world.bring(file, 0)
    for reader in (PLANNER, PROCESSORS, RETRYING_PROCESSORS, STREAM):
        world.topics.fill(reader)
    for reader in (PLANNER, PROCESSORS, RETRYING_PROCESSORS):
        await world.watch_for(5 * MINUTE)
        assert world.topics.published == []
        world.topics.catch_up(reader)
    await world.watch_for(5 * MINUTE)
    # At the last moment one of them arrives.
    world.bring(file, 1)
    world.topics.catch_up(STREAM)
    await world.watch_for(LITTLE)
    assert lost_indexes(world) == [[2], [3]]


async def test_a_chunk_without_any_result_is_requested_again_after_it_was_released_again() -> None:
    file = request_file(images=4, chunk_size=4)
    world = await world_with(file)
    await world.watch_for(PATIENCE + LITTLE)
    assert lost_indexes(world) == []
    world.topics.catch_up()
    await world.watch_for(LITTLE)
    assert lost_indexes(world) == [[0], [1], [2], [3]]
    assert len([event for event in world.topics.events() if isinstance(event, RequestAccepted)]) == 1


async def test_after_three_times_lost_images_fail_through_an_event() -> None:
    file = request_file(images=4, chunk_size=4)
    world = await world_with(file)
    world.bring(file, 0, 1)
    for times in range(1, MOST_REPUBLISHED + 1):
        world.topics.catch_up()
        await world.watch_for(2 * PATIENCE)
        assert len(lost_indexes(world)) == 2 * times
    world.topics.catch_up()
    await world.watch_for(2 * PATIENCE)
    (failed,) = [event for event in world.topics.events() if isinstance(event, ImageProcessed)]
    assert (failed.outcome, failed.indexes, failed.chunk, failed.chunk_images) == ("failed", (2, 3), 0, 4)
    assert failed.error is not None
    assert failed.error.code == "internal_error"
    assert len(lost_indexes(world)) == 2 * MOST_REPUBLISHED


async def test_counts_of_ended_requests_are_forgotten() -> None:
    file = request_file(images=4, chunk_size=4)
    world = await world_with(file)
    world.bring(file, 0, 1)
    await world.watch_for(PATIENCE + LITTLE)
    assert list(world.watch.times.values()) == [1]
    await world.end(file)
    await world.watch_for(PATIENCE)
    assert world.watch.times == {}


async def test_a_complete_chunk_that_is_not_recorded_is_said_to_be_complete() -> None:
    file = request_file(images=8, chunk_size=4)
    world = await world_with(file)
    world.bring(file, 4, 5, 6, 7)
    world.record(file, 0)
    await world.watch_for(PATIENCE + LITTLE)
    (event,) = world.topics.events()
    assert isinstance(event, ChunkCompleted)
    assert event.chunk == 1


async def test_a_request_whose_chunks_are_all_recorded_gets_its_last_chunk_said_again() -> None:
    file = request_file(images=8, chunk_size=4)
    world = await world_with(file)
    world.record(file, 0)
    world.record(file, 1)
    await world.watch_for(PATIENCE + LITTLE)
    (event,) = world.topics.events()
    assert isinstance(event, ChunkCompleted)
    assert event.chunk == 1


async def test_a_request_without_images_is_accepted_again() -> None:
    world = await world_with(request_file(images=0))
    await world.watch_for(PATIENCE + LITTLE)
    assert [type(event) for event in world.topics.events()] == [RequestAccepted]


async def test_what_has_no_effect_is_said_ever_more_rarely() -> None:
    file = request_file(images=4, chunk_size=4)
    world = await world_with(file)
    world.record(file, 0)
    await world.watch_for(4 * LONGEST_SILENCE, readers_read=True)
    said = len(world.topics.published)
    assert 6 <= said <= 12
    await world.watch_for(2 * LONGEST_SILENCE, readers_read=True)
    assert len(world.topics.published) > said


async def test_a_request_with_an_end_is_left_alone() -> None:
    file = request_file()
    world = await world_with(file)
    world.bring(file, 0)
    await world.end(file)
    await world.watch_for(10 * MINUTE)
    assert world.topics.published == []


async def test_a_request_that_ends_at_the_barrier_is_left_alone() -> None:
    file = request_file(images=4, chunk_size=4)
    world = await world_with(file)
    world.bring(file, 0)
    world.topics.fill(STREAM)
    await world.watch_for(5 * MINUTE)
    await world.end(file)
    world.topics.catch_up(STREAM)
    await world.watch_for(LITTLE)
    assert world.topics.published == []


async def test_a_request_that_was_deleted_meanwhile_is_left_alone() -> None:
    file = request_file()
    world = await world_with(file)
    world.bring(file, 0)
    world.files.files.clear()
    world.watch.known_to_ingest.clear()
    await world.watch_for(5 * MINUTE)
    assert world.topics.published == []


class HoledFiles(FakeFiles):
    """The manifest is damaged, and `request.json` is not."""

    async def manifest(self, request_id: RequestId, chunk: int) -> Sequence[ManifestImage]:
        raise RequestDamaged(request_id)


async def test_a_damaged_request_does_not_keep_others_from_being_looked_after() -> None:
    damaged = request_file(images=4, chunk_size=4, request_id=RequestId(str(UUID(int=1))))
    other = request_file(images=4, chunk_size=4, request_id=RequestId(str(UUID(int=2))))
    world = World(damaged, other)
    world.files = world.watch.files = HoledFiles(damaged, other)
    world.duties = world.new_duties()
    for file in (damaged, other):
        await world.know(file)
    world.bring(damaged, 0)
    world.bring(other, *range(4))
    await world.watch_for(2 * PATIENCE, readers_read=True)
    assert {event.request_id for event in world.topics.events()} == {other.request_id}


async def test_a_request_that_ingest_has_no_row_of_is_looked_after_by_its_file() -> None:
    file = request_file(images=12, chunk_size=4)
    world = await world_with(file)
    world.watch.known_to_ingest.clear()
    await world.watch_for(PATIENCE + LITTLE)
    assert {type(event) for event in world.topics.events()} == {RequestAccepted, ChunkAdvanced}


async def test_complete_chunks_are_not_said_again_while_what_was_said_waits_for_its_reader() -> None:
    file = request_file(images=4, chunk_size=4)
    world = await world_with(file)
    world.bring(file, *range(4))
    world.topics.fill(ASSEMBLER)
    await world.watch_for(30 * MINUTE)
    assert world.topics.published == []
    # It was late, and not lost.
    world.record(file, 0)
    await world.end(file)
    world.topics.catch_up(ASSEMBLER)
    await world.watch_for(5 * MINUTE)
    assert world.topics.published == []


async def test_nothing_is_announced_again_while_acceptances_wait_for_their_reader() -> None:
    file = request_file()
    world = World(file)
    world.topics.fill(NEWCOMERS)
    await world.watch_for(30 * MINUTE)
    await world.know(file)
    world.topics.catch_up(NEWCOMERS)
    await world.watch_for(LITTLE)
    assert world.topics.published == []


async def test_an_accepted_request_that_never_arrived_is_announced_again() -> None:
    file = request_file()
    world = World(file)
    await world.watch_for(PATIENCE - LITTLE)
    assert world.topics.published == []
    await world.watch_for(2 * MINUTE)
    assert {type(event) for event in world.topics.events()} == {RequestAccepted}
    assert len(world.topics.published) <= 2
    await world.know(file)
    world.topics.published.clear()
    await world.watch_for(PATIENCE - LITTLE)
    assert world.topics.published == []


async def test_many_requests_are_looked_at_page_by_page() -> None:
    files = [request_file(request_id=RequestId(str(UUID(int=number + 1)))) for number in range(7)]
    world = World(*files)
    for file in files:
        await world.know(file)
        world.bring(file, *range(8))
    await world.watch_for(2 * PATIENCE, step=timedelta(seconds=1), readers_read=True)
    said = {event.request_id for event in world.topics.events() if isinstance(event, ChunkCompleted)}
    assert said == {file.request_id for file in files}


async def test_a_successor_repeats_what_is_harmless_and_proves_again_what_is_not() -> None:
    file = request_file(images=4, chunk_size=4)
    world = await world_with(file)
    world.bring(file, 0, 1, 2)
    await world.watch_for(PATIENCE + LITTLE)
    assert lost_indexes(world) == [[3]]
    world.duties = world.new_duties()
    await world.watch_for(5 * MINUTE)
    # The image that was requested again has not been read yet.
    assert lost_indexes(world) == [[3]]


async def test_two_watchdogs_at_once_only_say_things_twice() -> None:
    file = request_file(images=4, chunk_size=4)
    world = await world_with(file)
    world.bring(file, 0, 1, 2)
    world.duties = [*world.duties, *world.new_duties()]
    world.topics.fill(STREAM)
    await world.watch_for(2 * PATIENCE)
    world.topics.catch_up(STREAM)
    await world.watch_for(LITTLE)
    assert lost_indexes(world) == [[3], [3]]


@pytest.mark.parametrize("part", ["kafka", "postgres"])
async def test_a_part_that_goes_away_at_the_barrier_is_waited_for(part: str) -> None:
    file = request_file(images=4, chunk_size=4)
    world = await world_with(file)
    world.bring(file, 0)
    world.topics.fill(STREAM)
    await world.watch_for(2 * PATIENCE)
    away = world.topics if part == "kafka" else world.watch
    away.is_away = True
    world.topics.catch_up()
    for _ in range(3):
        world.clock.pass_(MINUTE)
        with pytest.raises(DependencyAway):
            await world.turns()
    away.is_away = False
    await world.watch_for(LITTLE)
    assert lost_indexes(world) == [[1], [2], [3]]
