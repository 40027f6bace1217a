"""A Faust consumer that hands on every record of its source in order, also across rebalances.

Faust 0.15.3 loses records when partitions move: a fetch that spans a rebalance is thrown away after its position has
advanced, a partition without a committed offset is not rewound, and the hole that this leaves is then taken for one
in the log and committed past. Here every record that was fetched and not delivered is fetched again, and a hole is
believed only when a second fetch from its very start shows it again.

Records are cheap together and dear one by one. The first record that comes to an idle worker is handed on at once;
from then on the broker keeps back what comes until there is much of it, or for a moment, until nothing comes any more.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from shared.kafka.pace import set_fetching

log = logging.getLogger(__name__)

IDLE_SECONDS = 0.1
# A long batch must not keep heartbeats and probes waiting.
DELIVERED_AT_ONCE = 100


class Fetching(NamedTuple):
    """How the broker answers a fetch, and how long an answer is waited for."""

    least_bytes: int
    longest_wait_ms: int
    timeout_seconds: float


AT_ONCE = Fetching(least_bytes=1, longest_wait_ms=1500, timeout_seconds=1.0)
# An answer without records ends the gathering, so the timeout is little more than the wait.
GATHERED = Fetching(least_bytes=128 * 1024, longest_wait_ms=80, timeout_seconds=0.12)


class PacedThread(driver.AIOKafkaConsumerThread):
    """Faust's thread around the client; sets how the next fetch is answered before the client can send it."""

    logger = logging.getLogger("faust.consumer")

    fetching = AT_ONCE

    async def _fetch_records(self, consumer: Any, *args: Any, **kwargs: Any) -> Any:
        records: Mapping[TP, Any] = await super()._fetch_records(consumer, *args, **kwargs)
        # The client sends its next fetch when it runs again, not before.
        self.fetching = GATHERED if records else AT_ONCE
        set_fetching(consumer, longest_wait_ms=self.fetching.longest_wait_ms, least_bytes=self.fetching.least_bytes)
        return records


class ExactConsumer(driver.Consumer):
    """Replaces how records get from the client to the streams; all else is Faust's."""

    # Faust names a logger after the module of the class; its news are not ours.
    logger = logging.getLogger("faust.consumer")

    _thread: PacedThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._epoch = 0
        self._expected: dict[TP, int] = {}
        self._undelivered: dict[TP, int] = {}
        self._doubted: dict[TP, int] = {}
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> PacedThread:
        return PacedThread(self, loop=self.loop, beacon=self.beacon)

    def stop_flow(self) -> None:
        self._epoch += 1
        super().stop_flow()

    async def perform_seek(self) -> None:
        """Go back to the committed offsets, or to the start of the log where there are none."""
        self._epoch += 1
        await super().perform_seek()
        sources = {tp for tp in self.assignment() if not self._is_changelog_tp(tp)}
        committed = {tp: offset for tp in sources if (offset := self._committed_offset[tp])}
        uncommitted = sources - committed.keys()
        starts = {tp: offset or 0 for tp, offset in (await self._starts(uncommitted)).items()}
        for tp, offset in starts.items():
            await self._seek(tp, offset)
        self._expected = {**committed, **starts}
        self._doubted.clear()
        # A fetch that began before this line may have begun before the seek.
        self._epoch += 1

    async def _starts(self, partitions: set[TP]) -> dict[TP, int | None]:
        return dict(await self.earliest_offsets(*partitions)) if partitions else {}

    async def _drain_messages(self, fetcher: Any) -> None:
        """Deliver until stopped; called by Faust's fetcher."""
        try:
            while not self.should_stop and not fetcher.should_stop:
                await self._deliver_some()
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    async def _deliver_some(self) -> None:
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # it waits for any event
        await self._rewind_undelivered()
        epoch = self._epoch
        # A copy: Faust changes its own while the fetch is under way.
        active = set(self._get_active_partitions())
        if not active:
            await self.sleep(IDLE_SECONDS)
            return
        records = await self._getmany(active_partitions=active, timeout=self._thread.fetching.timeout_seconds)
        if records:
            await self._deliver_all(records, epoch)
        # An empty answer comes at once when the flow has stopped.
        await asyncio.sleep(0)

    async def _deliver_all(self, records: Mapping[TP, Any], epoch: int) -> None:
        """Deliver until the flow is stopped; what is left then is noted as undelivered."""
        waiting = deque(self.scheduler.iterate(records))
        delivering = asyncio.ensure_future(self._deliver_waiting(waiting, epoch))
        try:
            await self.wait_first(delivering, self.suspend_flow.wait())
        finally:
            delivering.cancel()
            await asyncio.wait([delivering])
            for tp, record in waiting:
                self._note_undelivered(tp, record.offset)

    async def _deliver_waiting(self, waiting: "deque[tuple[TP, Any]]", epoch: int) -> None:
        delivered = 0
        while waiting:
            tp, record = waiting[0]
            if epoch == self._epoch and self._may_deliver(tp, record.offset):
                await self._deliver(tp, record, epoch)
            else:
                self._note_undelivered(tp, record.offset)
            waiting.popleft()
            delivered += 1
            if delivered % DELIVERED_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _may_deliver(self, tp: TP, offset: int) -> bool:
        if tp in self._undelivered or not (tp in self._get_active_partitions() or tp in self._buffered_partitions):
            return False
        expected = self._expected.get(tp)
        if expected is None or offset <= expected or self._doubted.get(tp) == expected:
            return True
        self._doubted[tp] = expected
        self._note_undelivered(tp, expected)
        return False

    async def _deliver(self, tp: TP, record: Any, epoch: int) -> None:
        expected = self._expected.get(tp)
        if expected is not None and record.offset > expected:
            await self._add_gap(tp, expected, record.offset - 1)
        message = self._to_message(tp, record)
        await self.callback(message)
        if epoch != self._epoch:
            self._note_undelivered(tp, record.offset)
            return
        self._read_offset[tp] = record.offset
        if expected is not None:
            self._expected[tp] = max(expected, record.offset + 1)

    def _note_undelivered(self, tp: TP, offset: int) -> None:
        self._undelivered[tp] = min(offset, self._undelivered.get(tp, offset))

    async def _rewind_undelivered(self) -> None:
        """Go back to what was fetched and not delivered, unless the position is there or before it already."""
        undelivered, self._undelivered = self._undelivered, {}
        for tp, offset in undelivered.items():
            try:
                position = await self.position(tp)
                if position is not None and position > offset:
                    await self._seek(tp, offset)
            except IllegalStateError:
                log.debug("no rewind of a partition that is owned elsewhere", extra={"partition": tp.partition})


class ExactTransport(driver.Transport):
    """Faust's Kafka transport with the exact consumer."""

    Consumer = ExactConsumer
