"""The consumer loop of every service (Faust apart).

At least once: an offset is committed after its record was handled, and only as the contiguous watermark of its
partition. What a handler raises is an instruction:

    DependencyAway   nothing new is taken, this very record is tried again until it works; polling goes on
    anything else    a bug: the loop ends with that error, the process is restarted and gets the record again

`Permanent` and `Transient` belong to the handler: it knows what a failure means.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from shared.errors import DependencyAway
from shared.kafka.dispatch import DeadLetters, Dispatcher, Handlers, Hops
from shared.kafka.gathering import Gathering
from shared.kafka.lane import Handling, Lane, lanes_of, turns_of
from shared.kafka.records import Record, TopicPartition
from shared.kafka.records_in_hand import FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS, RecordsInHand
from shared.kafka.source import RecordSource

__all__ = ["Consumer", "DeadLetters", "Handling", "Handlers"]

log = logging.getLogger(__name__)

POLL_SECONDS = 0.25
# While nothing runs and nothing waits, not even for its commit.
QUIET_POLL_SECONDS = 1.0
# While partitions are paused the work in hand makes room soon, and a resume does not wake a waiting poll.
BUSY_POLL_SECONDS = 0.02


class Consumer:
    """Runs handlers over the records of one source until it is told to stop."""

    def __init__(
        self,
        source: RecordSource,
        *,
        handlers: Handlers,
        dead_letters: DeadLetters,
        handling: Handling | None = None,
        retries: Hops | None = None,
        gathering: Gathering | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._now = now
        self._handling = handling or Handling()
        self._in_hand = RecordsInHand(
            Dispatcher(source.topics, handlers, dead_letters, retries),
            places=self._handling.in_flight,
            gathering=gathering or Gathering(),
            on_place=self._start_ready,
        )
        self._lanes: dict[TopicPartition, Lane] = {}
        self._turns: deque[Lane] = deque()
        self._to_rewind: set[TopicPartition] = set()
        self._generation = 0
        self._is_assigned = False
        self._failure: BaseException | None = None
        self._commit_due = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then finish what runs, commit and leave."""
        try:
            await self._turns_until(stop)
            await self._finish_running()
        finally:
            await self._leave()

    async def _turns_until(self, stop: asyncio.Event) -> None:
        # Joining, and a poll while the group rebalances, may wait for others without end; a stop must not.
        stopping = asyncio.create_task(stop.wait())
        turning = asyncio.create_task(self._turns_forever())
        try:
            await asyncio.wait({stopping, turning}, return_when=asyncio.FIRST_COMPLETED)
            if turning.done():
                # A cancellation that nobody here asked for ends the process, as any error does.
                turning.result()
        finally:
            stopping.cancel()
            turning.cancel()
            await asyncio.gather(stopping, turning, return_exceptions=True)

    async def _turns_forever(self) -> None:
        await self._join()
        while (failure := self._failure or self._in_hand.failure) is None:
            await self._turn()
        raise failure

    async def _join(self) -> None:
        delay = FIRST_RETRY_SECONDS
        while True:
            try:
                return await self._source.start(self._on_revoked, self._on_assigned)
            except DependencyAway as away:
                log.warning("cannot join the consumer group yet", extra={"reason": away.reason})
                await asyncio.sleep(delay)
                delay = min(2 * delay, LAST_RETRY_SECONDS)

    async def _turn(self) -> None:
        # Before the poll: a batch from beyond a record that is read again must never be taken.
        await self._rewind_stale()
        generation = self._generation
        batch = await self._source.poll(timeout_seconds=self._poll_seconds(), max_records=self._handling.prefetch)
        if not self._is_assigned or generation != self._generation:
            # The batch belongs to the assignment before: what is ours now is read again from its committed offset.
            self._to_rewind |= batch.keys()
        else:
            self._take(batch)
        self._start_ready()
        self._balance_flow()
        await self._commit_sometimes()

    def _poll_seconds(self) -> float:
        now, lanes = self._now(), self._lanes.values()
        if any(lane.is_paused and lane.is_due(now) for lane in lanes):
            return BUSY_POLL_SECONDS
        return QUIET_POLL_SECONDS if all(lane.is_quiet for lane in lanes) and not self._to_rewind else POLL_SECONDS

    async def _rewind_stale(self) -> None:
        for partition in self._to_rewind & self._lanes.keys() if self._is_assigned else ():
            try:
                await self._source.rewind([partition])
            except DependencyAway as away:
                log.warning("partition not rewound yet", extra={"reason": away.reason})
            else:
                self._to_rewind.discard(partition)

    def _take(self, batch: Mapping[TopicPartition, Iterable[Record]]) -> None:
        for partition, records in batch.items():
            if partition in self._lanes and partition not in self._to_rewind:
                self._lanes[partition].take(records)

    def _start_ready(self) -> None:
        idle, now = 0, self._now()
        while self._may_start and idle < len(self._turns):
            lane = self._turns[0]
            self._turns.rotate(-1)
            record = lane.start_next(now)
            if record is None:
                idle += 1
            else:
                idle = 0
                self._in_hand.start(lane, record)

    @property
    def _may_start(self) -> bool:
        return self._is_assigned and self._in_hand.has_place and self._failure is None

    def _balance_flow(self) -> None:
        for partition, lane in self._lanes.items():
            if lane.is_full and not lane.is_paused:
                self._source.pause([partition])
                lane.is_paused = True
            elif lane.is_paused and lane.has_room:
                self._source.resume([partition])
                lane.is_paused = False

    async def _commit_sometimes(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._commit_due:
            self._commit_due = now + self._handling.commit_seconds
            await self._commit()

    async def _commit(self) -> None:
        # These very lanes: when the answer comes, others may have taken their partitions over.
        lanes = dict(self._lanes)
        offsets = {name: position for name, lane in lanes.items() if (position := lane.uncommitted) is not None}
        if not offsets:
            return
        try:
            await self._source.commit(offsets)
        except DependencyAway as away:
            log.warning("commit postponed", extra={"reason": away.reason})
        else:
            for partition, position in offsets.items():
                lanes[partition].committed = position

    async def _finish_running(self) -> None:
        """Give running records their time, then drop the rest: they come again."""
        self._is_assigned = False
        await self._in_hand.finish(seconds=self._handling.drain_seconds)
        await self._commit()

    async def _leave(self) -> None:
        self._is_assigned = False
        await self._in_hand.drop()
        # After a failure too: what is finished must not come again, least of all in front of what failed.
        await self._commit()
        await self._source.stop()

    async def _on_revoked(self, _partitions: set[TopicPartition]) -> None:
        # The client swallows what a listener raises, so a failure is kept for the loop.
        try:
            self._generation += 1
            await self._finish_running()
            self._lanes.clear()
            self._turns.clear()
        except Exception as error:
            self._failure = self._failure or error

    async def _on_assigned(self, partitions: set[TopicPartition]) -> None:
        self._generation += 1
        self._lanes = lanes_of(partitions, self._source.topics, self._handling)
        self._turns = deque(turns_of(self._lanes, self._source.topics))
        self._is_assigned = True
