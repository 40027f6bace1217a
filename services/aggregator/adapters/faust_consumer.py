"""A Faust consumer that hands on every record of its source in order, also across rebalances.

Faust 0.15.3 loses records when partitions move: a fetch that spans a rebalance is thrown away after its position has
advanced, a partition without a committed offset is not rewound, and the hole that this leaves is then taken for one
in the log and committed past. Here every record that was fetched and not delivered is fetched again, and a hole is
believed only when a second fetch from its very start shows it again.
"""

import asyncio
import logging
from typing import Any

from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

log = logging.getLogger(__name__)

FETCH_SECONDS = 1.0
IDLE_SECONDS = 0.1


class ExactConsumer(driver.Consumer):
    """Replaces how records get from the client to the streams; all else is Faust's."""

    # Faust names a logger after the module of the class; its news are not ours.
    logger = logging.getLogger("faust.consumer")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._epoch = 0
        self._expected: dict[TP, int] = {}
        self._undelivered: dict[TP, int] = {}
        self._doubted: dict[TP, int] = {}
        super().__init__(*args, **kwargs)

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
        records = await self._getmany(active_partitions=active, timeout=FETCH_SECONDS)
        for tp, record in self.scheduler.iterate(records or {}):
            if epoch == self._epoch and self._may_deliver(tp, record.offset):
                await self._deliver(tp, record, epoch)
            else:
                self._note_undelivered(tp, record.offset)
        # An empty answer comes at once when the flow has stopped.
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
        await self.wait_first(self.callback(message), self.suspend_flow.wait())
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
