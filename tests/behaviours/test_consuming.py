"""What the consumer loop promises, whatever broker it reads from."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from uuid import NAMESPACE_OID, uuid5

import pytest

from shared.errors import DependencyAway
from shared.events import CancelRequested, ChunkAdvanced, ChunkCompleted, Event
from shared.ids import Owner, RequestId
from shared.kafka.consumer import Consumer, Handling
from shared.kafka.records import Received, Record, Rest
from shared.kafka.undecodable import TooManyUndecodable
from shared.topics import REQUESTS_PROGRESS, UNDECODABLE_DLT
from tests.behaviours.brokers import Broker
from tests.waiting import until

GROUP = "behaviour"
Handle = Callable[[Received[ChunkAdvanced]], Awaitable[Rest | None]]


def advanced(request: str, chunk: int = 0) -> ChunkAdvanced:
    """An event of a request that these tests know by its owner's name."""
    return ChunkAdvanced(
        request_id=request_id_of(request), owner=Owner(request), chunk=chunk, chunks_total=100, window=16
    )


def request_id_of(name: str) -> RequestId:
    return RequestId(str(uuid5(NAMESPACE_OID, name)))


def consumer(broker: Broker, handle: Handle, handling: Handling | None = None) -> Consumer:
    return Consumer(
        broker.source(GROUP, [REQUESTS_PROGRESS]),
        handlers={ChunkAdvanced: handle},
        dead_letters=broker.facts,
        handling=handling or Handling(commit_seconds=0.05),
    )


@asynccontextmanager
async def running(member: Consumer) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    task = asyncio.create_task(member.run(stop))
    try:
        yield task
    finally:
        stop.set()
        with suppress(RuntimeError, TooManyUndecodable):
            await asyncio.wait_for(task, 20)


async def publish(broker: Broker, *events: Event) -> None:
    await broker.facts.publish(REQUESTS_PROGRESS, *events)


async def committed(broker: Broker) -> int:
    return await broker.committed(GROUP, REQUESTS_PROGRESS)


class Seen:
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.events: list[ChunkAdvanced] = []

    async def __call__(self, received: Received[ChunkAdvanced]) -> None:
        self.events.append(received.event)

    @property
    def requests(self) -> Counter[str]:
        return Counter(event.owner for event in self.events)


class Gate(Seen):
    """Holds the records of some requests until it is opened."""

    def __init__(self, *held: str) -> None:
        super().__init__()
        self.held = set(held)
        self.entered: list[str] = []
        self.opened = asyncio.Event()

    async def __call__(self, received: Received[ChunkAdvanced]) -> None:
        self.entered.append(received.event.owner)
        if received.event.owner in self.held:
            await self.opened.wait()
        await super().__call__(received)


async def test_every_record_is_handled_and_committed(broker: Broker) -> None:
    names = [f"r{number}" for number in range(50)]
    await publish(broker, *map(advanced, names))
    seen = Seen()
    async with running(consumer(broker, seen)):
        await until(lambda: len(seen.events) == 50)
        await until(lambda: _is_committed(broker, 50))
    assert seen.requests == Counter(names)


async def _is_committed(broker: Broker, count: int) -> bool:
    return await committed(broker) == count


async def test_a_slow_record_holds_back_the_commit_but_not_its_neighbours(broker: Broker) -> None:
    gate = Gate("slow")
    await publish(broker, advanced("slow"), *(advanced("slow-follower", chunk) for chunk in range(3)))
    await publish(broker, *(advanced(f"r{number}") for number in range(20)))
    async with running(consumer(broker, gate)):
        await until(lambda: len(gate.events) == 23)
        assert await committed(broker) < 24
        gate.opened.set()
        await until(lambda: _is_committed(broker, 24))


async def test_a_record_whose_handler_failed_comes_again_to_the_next_process(broker: Broker) -> None:
    async def fail(_received: Received[ChunkAdvanced]) -> None:
        raise RuntimeError("a bug")

    await publish(broker, advanced("r1"))
    with pytest.raises(RuntimeError, match="a bug"):
        await asyncio.wait_for(consumer(broker, fail).run(asyncio.Event()), 20)
    seen = Seen()
    async with running(consumer(broker, seen)):
        await until(lambda: seen.requests == Counter({"r1": 1}))


async def test_while_a_part_is_away_the_same_record_is_tried_again_and_nothing_new_is_taken(broker: Broker) -> None:
    tries: list[str] = []
    is_back = asyncio.Event()

    async def needs_part(received: Received[ChunkAdvanced]) -> None:
        tries.append(received.event.owner)
        if not is_back.is_set():
            raise DependencyAway("postgres", "refused")

    await publish(broker, *(advanced(f"r{number}") for number in range(10)))
    async with running(consumer(broker, needs_part, Handling(in_flight=1, commit_seconds=0.05))):
        await until(lambda: len(tries) >= 3)
        assert len(set(tries)) == 1
        assert await committed(broker) == 0
        is_back.set()
        await until(lambda: _is_committed(broker, 10))
    assert len(set(tries)) == 10


async def test_records_of_one_key_are_handled_one_after_another_in_order(broker: Broker) -> None:
    running_now: set[str] = set()
    order: dict[str, list[int]] = {"a": [], "b": [], "c": []}

    async def handle(received: Received[ChunkAdvanced]) -> None:
        request = received.event.owner
        assert request not in running_now
        running_now.add(request)
        await asyncio.sleep(0)
        order[request].append(received.event.chunk)
        running_now.discard(request)

    for chunk in range(10):
        await publish(broker, *(advanced(request, chunk) for request in order))
    async with running(consumer(broker, handle, Handling(ordered_by_key=True, commit_seconds=0.05))) as task:
        await until(lambda: task.done() or all(len(chunks) == 10 for chunks in order.values()))
    assert all(chunks == list(range(10)) for chunks in order.values())


async def test_with_order_by_key_a_slow_key_does_not_hold_up_the_others(broker: Broker) -> None:
    gate = Gate("slow")
    await publish(broker, advanced("slow", 0), advanced("slow", 1))
    await publish(broker, *(advanced(f"r{number}") for number in range(10)))
    async with running(consumer(broker, gate, Handling(in_flight=2, ordered_by_key=True, commit_seconds=0.05))):
        await until(lambda: len(gate.events) == 10)
        assert gate.entered.count("slow") == 1
        gate.opened.set()
        await until(lambda: _is_committed(broker, 12))


async def test_an_undecodable_record_is_set_aside_with_bytes_headers_and_origin(broker: Broker) -> None:
    await broker.append_raw(REQUESTS_PROGRESS, key=b"k", value=b"\xff{", headers=(("ce_type", b"chunk.advanced"),))
    await publish(broker, advanced("r1"))
    seen = Seen()
    async with running(consumer(broker, seen)):
        await until(lambda: _is_committed(broker, 2))
    [letter] = await broker.records(UNDECODABLE_DLT)
    headers = dict(letter.headers)
    assert (letter.key, letter.value, headers["ce_type"]) == (b"k", b"\xff{", b"chunk.advanced")
    assert headers["origin-topic"].endswith(REQUESTS_PROGRESS.name.encode())
    assert {"origin-partition", "origin-offset", "error-code", "error-message"} <= headers.keys()
    assert seen.requests == Counter({"r1": 1})


async def test_a_flood_of_undecodable_records_stops_the_consumer_with_a_clear_message(broker: Broker) -> None:
    for number in range(60):
        await broker.append_raw(REQUESTS_PROGRESS, key=str(number).encode(), value=b"nonsense")
    with pytest.raises(TooManyUndecodable, match="Check that readers and writers"):
        await asyncio.wait_for(consumer(broker, Seen()).run(asyncio.Event()), 20)
    # What was set aside is not set aside again by the next one.
    assert await committed(broker) >= 49


async def test_an_event_without_a_handler_is_passed_over_and_committed(broker: Broker) -> None:
    request_id, owner = request_id_of("r1"), Owner("local")
    await publish(broker, CancelRequested(request_id=request_id, owner=owner, reason="changed my mind"))
    await publish(broker, ChunkCompleted(request_id=request_id, owner=owner, chunk=0, chunks_total=1, window=1))
    async with running(consumer(broker, Seen())):
        await until(lambda: _is_committed(broker, 2))


async def test_who_takes_records_as_they_come_gets_undecodable_ones_too(broker: Broker) -> None:
    seen: list[bytes | None] = []

    async def handle(record: Record) -> None:
        seen.append(record.value)

    await publish(broker, advanced("a"))
    await broker.append_raw(REQUESTS_PROGRESS, key=b"b", value=b"\xff no event")
    source = broker.source(GROUP, [REQUESTS_PROGRESS])
    member = Consumer(source, handlers={Record: handle}, dead_letters=broker.facts)
    async with running(member):
        await until(lambda: len(seen) == 2, seconds=20, what="both records were taken")
    assert b"\xff no event" in seen
    assert await broker.records(UNDECODABLE_DLT) == []


async def test_never_more_records_run_than_allowed(broker: Broker) -> None:
    now, most = 0, 0

    async def handle(_received: Received[ChunkAdvanced]) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1

    await publish(broker, *(advanced(f"r{number}") for number in range(200)))
    async with running(consumer(broker, handle, Handling(in_flight=5, commit_seconds=0.05))):
        await until(lambda: _is_committed(broker, 200))
    assert most == 5


async def test_the_newest_started_record_stays_within_the_span_of_the_oldest_unfinished_one(broker: Broker) -> None:
    opened = asyncio.Event()
    started: list[int] = []

    async def handle(received: Received[ChunkAdvanced]) -> None:
        started.append(received.trigger.offset)
        if received.event.chunk == 0:
            await opened.wait()

    await publish(broker, *(advanced("one-partition", chunk) for chunk in range(60)))
    async with running(consumer(broker, handle, Handling(in_flight=50, span=10, commit_seconds=0.05))):
        await until(lambda: len(started) == 10)
        assert await committed(broker) == 0
        assert max(started) == 9
        opened.set()
        await until(lambda: _is_committed(broker, 60))


async def test_a_stop_finishes_and_commits_what_runs(broker: Broker) -> None:
    gate = Gate("slow")
    await publish(broker, advanced("slow"))
    stop = asyncio.Event()
    task = asyncio.create_task(consumer(broker, gate).run(stop))
    await until(lambda: gate.entered == ["slow"])
    stop.set()
    gate.opened.set()
    await asyncio.wait_for(task, 20)
    assert await committed(broker) == 1


async def test_a_stop_drops_what_does_not_finish_in_time_and_it_comes_again(broker: Broker) -> None:
    gate = Gate("stuck")
    await publish(broker, advanced("stuck"))
    stop = asyncio.Event()
    task = asyncio.create_task(consumer(broker, gate, Handling(drain_seconds=0.1)).run(stop))
    await until(lambda: gate.entered == ["stuck"])
    stop.set()
    await asyncio.wait_for(task, 20)
    assert await committed(broker) == 0
    seen = Seen()
    async with running(consumer(broker, seen)):
        await until(lambda: seen.requests == Counter({"stuck": 1}))


@pytest.mark.parametrize("size", [1_048_000, 3_500_000])
async def test_a_record_as_large_as_its_topic_takes_is_set_aside_and_the_consumer_goes_on(
    size: int, broker: Broker
) -> None:
    await broker.append_raw(REQUESTS_PROGRESS, key=b"k", value=b"x" * size, headers=(("h", b"1"),))
    await publish(broker, advanced("after"))
    seen = Seen()
    async with running(consumer(broker, seen)):
        await until(lambda: _is_committed(broker, 2))
    [letter] = await broker.records(UNDECODABLE_DLT)
    assert letter.value == b"x" * min(size, 2_500_000)
    assert dict(letter.headers)["h"] == b"1"
    assert dict(letter.headers).get("cut") == (b"value=3500000" if size > 2_500_000 else None)


async def test_a_record_whose_call_a_library_dropped_is_handled_again(broker: Broker) -> None:
    tries = 0

    async def handle(_received: Received[ChunkAdvanced]) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            given_up.cancel()
            await given_up

    await publish(broker, advanced("r1"))
    async with running(consumer(broker, handle)):
        await until(lambda: _is_committed(broker, 1))
    assert tries == 2


async def test_whoever_waits_for_a_part_does_not_hold_up_a_stop(broker: Broker) -> None:
    tries = 0

    async def handle(_received: Received[ChunkAdvanced]) -> None:
        nonlocal tries
        tries += 1
        raise DependencyAway("s3", "no answer")

    await publish(broker, advanced("r1"))
    async with running(consumer(broker, handle, Handling(drain_seconds=60))):
        await until(lambda: tries >= 2)
    assert await committed(broker) == 0


class Telling(Seen):
    """Is through with its records at once, and has a rest to do that lasts until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self.tries = 0
        self.may_tell = asyncio.Event()
        self.failures: list[Exception] = []

    async def works(self, received: Received[ChunkAdvanced]) -> Rest:
        await super().__call__(received)
        return partial(self._tell, received.event.owner)

    async def _tell(self, owner: str) -> None:
        self.tries += 1
        if self.failures:
            raise self.failures.pop()
        await self.may_tell.wait()
        self.told.append(owner)


async def test_a_rest_needs_no_place_and_holds_back_the_commit(broker: Broker) -> None:
    telling = Telling()
    partitions: list[int] = []

    async def handle(received: Received[ChunkAdvanced]) -> Rest | None:
        partitions.append(received.trigger.partition)
        return await telling.works(received) if received.event.owner == "told" else None

    await publish(broker, *(advanced("told", chunk) for chunk in range(20)))
    async with running(consumer(broker, handle, Handling(in_flight=2, commit_seconds=0.05))):
        await until(lambda: len(telling.events) == 20)
        await publish(broker, *(advanced(f"r{number}") for number in range(20)))
        await until(lambda: len(partitions) == 40)
        elsewhere = sum(partition != partitions[0] for partition in partitions)
        assert 0 < elsewhere < 20
        # Whatever is finished is committed with these.
        await until(lambda: _is_committed(broker, elsewhere))
        telling.may_tell.set()
        await until(lambda: _is_committed(broker, 40))
    assert len(telling.told) == 20


async def test_a_rest_whose_part_is_away_is_tried_again_alone_and_nothing_new_is_taken(broker: Broker) -> None:
    telling = Telling()
    telling.failures = [DependencyAway("kafka", "no answer"), DependencyAway("kafka", "no answer")]
    await publish(broker, advanced("r1"))
    async with running(consumer(broker, telling.works, Handling(in_flight=1, commit_seconds=0.05))):
        await until(lambda: telling.tries == 1)
        await publish(broker, advanced("r2"))
        await until(lambda: telling.tries == 2)
        assert telling.requests == Counter(["r1"])
        telling.may_tell.set()
        await until(lambda: _is_committed(broker, 2))
    assert telling.requests == Counter(["r1", "r2"])


async def test_a_stop_lets_rests_come_to_their_end(broker: Broker) -> None:
    telling = Telling()
    await publish(broker, advanced("r1"))
    async with running(consumer(broker, telling.works)):
        await until(lambda: telling.tries == 1)
        asyncio.get_running_loop().call_later(0.2, telling.may_tell.set)
    assert telling.told == ["r1"]
    assert await committed(broker) == 1


async def test_a_record_whose_rest_failed_comes_again_to_the_next_process(broker: Broker) -> None:
    telling = Telling()
    telling.failures = [RuntimeError("a bug")]
    telling.may_tell.set()
    await publish(broker, advanced("r1"))
    async with running(consumer(broker, telling.works)) as task:
        with pytest.raises(RuntimeError, match="a bug"):
            await asyncio.wait_for(asyncio.shield(task), 20)
    assert (telling.told, await committed(broker)) == ([], 0)
    async with running(consumer(broker, telling.works)):
        await until(lambda: _is_committed(broker, 1))
    assert telling.told == ["r1"]


async def test_members_that_come_and_go_lose_nothing(broker: Broker) -> None:
    names = [f"r{number}" for number in range(300)]
    seen = Seen()

    async def handle(received: Received[ChunkAdvanced]) -> None:
        await asyncio.sleep(0.002)
        await seen(received)

    handling = Handling(in_flight=2, commit_seconds=0.05)
    await publish(broker, *map(advanced, names))
    async with running(consumer(broker, handle, handling)):
        await until(lambda: len(seen.events) >= 20)
        async with running(consumer(broker, handle, handling)):
            await until(lambda: len(seen.events) >= 100)
        await until(lambda: _is_committed(broker, 300), seconds=40)
    assert set(seen.requests) == set(names)
