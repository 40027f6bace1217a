"""What comes together is handled together, what comes alone at once; nothing that was fetched gets lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from services.aggregator.adapters.faust_consumer import AT_ONCE, GATHERED, ExactConsumer, PacedThread
from services.aggregator.stream import BATCH_EVENTS, batches_of
from tests.waiting import until

PARTITION = TP("images.processed.v1", 0)


@dataclass(frozen=True)
class Event:
    number: int
    generation: int = 1

    @property
    def message(self) -> Any:
        return SimpleNamespace(generation_id=self.generation)


class Stream:
    """A stream of Faust: events wait in the queue of its channel."""

    def __init__(self, *events: Event) -> None:
        self.queue: asyncio.Queue[Event] = asyncio.Queue()
        self.channel = SimpleNamespace(queue=self.queue)
        for event in events:
            self.queue.put_nowait(event)

    async def events(self) -> AsyncIterator[Event]:
        while True:
            yield await self.queue.get()


async def test_events_that_wait_together_are_one_batch() -> None:
    events = [Event(number) for number in range(3)]
    assert await anext(batches_of(Stream(*events))) == events


async def test_an_event_that_comes_alone_waits_for_no_other() -> None:
    stream = Stream(Event(0))
    batches = batches_of(stream)
    assert await anext(batches) == [Event(0)]
    stream.queue.put_nowait(Event(1))
    assert await anext(batches) == [Event(1)]


async def test_a_batch_has_an_end() -> None:
    batches = batches_of(Stream(*(Event(number) for number in range(BATCH_EVENTS + 1))))
    assert [len(await anext(batches)), len(await anext(batches))] == [BATCH_EVENTS, 1]


async def test_events_from_before_a_rebalance_are_left_to_whoever_reads_them_again() -> None:
    before, after = Event(0, generation=1), Event(0, generation=2)
    assert await anext(batches_of(Stream(before, after))) == [after]


class Fetcher:
    """The client's part that fetches; gives what a test has laid into it."""

    def __init__(self) -> None:
        self.records: dict[TP, list[Any]] = {}
        self._closed = False
        self._subscriptions = self
        self._fetch_min_bytes = 0
        self._fetch_max_wait_ms = 0

    def fetch_context(self) -> "Fetcher":
        return self

    def __enter__(self) -> None:
        return

    def __exit__(self, *_error: object) -> None:
        return

    async def fetched_records(self, _partitions: object, **_limits: object) -> dict[TP, list[Any]]:
        return self.records


async def test_the_broker_keeps_records_back_while_there_are_some_and_no_longer() -> None:
    thread: Any = PacedThread.__new__(PacedThread)
    thread.consumer = SimpleNamespace(flow_active=True)
    fetcher = Fetcher()
    client = SimpleNamespace(_closed=False, _fetcher=fetcher)
    seen = []
    for records in ({}, {PARTITION: [1]}, {PARTITION: [2]}, {}):
        fetcher.records = records
        assert await thread._fetch_records(client, {PARTITION}, timeout=1.0) == records
        seen.append((fetcher._fetch_min_bytes, fetcher._fetch_max_wait_ms))
    idle, gathering = AT_ONCE[:2], GATHERED[:2]
    assert seen == [idle, gathering, gathering, idle]


@dataclass
class Delivery:
    """An exact consumer without its client: what it delivers, and how much of that is taken."""

    takes: int
    delivered: list[int] = field(default_factory=list)

    def consumer(self) -> Any:
        exact: Any = ExactConsumer.__new__(ExactConsumer)
        exact.__dict__ |= {
            "_epoch": 1, "_expected": {}, "_undelivered": {}, "_doubted": {}, "_read_offset": {},
            "_active_partitions": {PARTITION}, "_buffered_partitions": set(), "_loop": asyncio.get_running_loop(),
            "_stopped": asyncio.Event(), "_crashed": asyncio.Event(), "suspend_flow": asyncio.Event(),
            "scheduler": SimpleNamespace(iterate=_in_order), "callback": self.take, "_to_message": _as_it_is,
        }  # fmt: skip
        return exact

    async def take(self, record: Any) -> None:
        if len(self.delivered) == self.takes:
            await asyncio.Event().wait()
        self.delivered.append(record.offset)


def _in_order(records: dict[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
    return ((tp, record) for tp, of_tp in records.items() for record in of_tp)


def _as_it_is(_partition: TP, record: Any) -> Any:
    return record


def _records(count: int) -> dict[TP, list[Any]]:
    return {PARTITION: [SimpleNamespace(offset=offset) for offset in range(count)]}


async def test_all_that_was_fetched_is_delivered_in_order() -> None:
    delivery = Delivery(takes=1000)
    consumer = delivery.consumer()
    await consumer._deliver_all(_records(250), 1)
    assert (delivery.delivered, consumer._undelivered) == (list(range(250)), {})


async def test_what_a_stopped_flow_leaves_of_a_fetch_is_fetched_again() -> None:
    delivery = Delivery(takes=3)
    consumer = delivery.consumer()
    delivering = asyncio.create_task(consumer._deliver_all(_records(10), 1))
    await until(lambda: len(delivery.delivered) == 3, seconds=5, what="the stream takes no more")
    consumer.suspend_flow.set()
    await delivering
    assert (delivery.delivered, consumer._undelivered) == ([0, 1, 2], {PARTITION: 3})


async def test_nothing_of_an_epoch_that_is_over_is_delivered() -> None:
    delivery = Delivery(takes=3)
    consumer = delivery.consumer()
    await consumer._deliver_all(_records(3), 0)
    assert (delivery.delivered, consumer._undelivered) == ([], {PARTITION: 0})
