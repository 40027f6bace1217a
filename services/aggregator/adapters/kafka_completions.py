"""Publishes completions exactly once: each poll batch of a partition is one transaction with its input offset."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from services.aggregator.adapters.kafka_transactions import PartitionTransactions
from shared.errors import DependencyAway
from shared.events import RequestAssembled, RequestCompleted
from shared.kafka.cloudevents import Encoded, Undecodable, decode, encode
from shared.kafka.connection import KafkaConnection
from shared.kafka.consumer import DeadLetters
from shared.kafka.pace import Pace
from shared.kafka.records import Received, Record
from shared.kafka.source import record_of
from shared.kafka.undecodable import UndecodableShare
from shared.stopping import pause
from shared.topics import REQUESTS_ASSEMBLED, REQUESTS_COMPLETED
from shared.trace_context import enter_trace

log = logging.getLogger(__name__)

SOURCE = "pixelmill/aggregator"
POLL_MS = 500
BATCH_RECORDS = 200
DRAIN_SECONDS = 15.0
RETRY_SECONDS = 1.0
# A transaction costs far more than what is in it: who has just made one lets more come together for the next.
GATHER_SECONDS = 0.05

Completions = Callable[[Received[RequestAssembled]], Awaitable[RequestCompleted | None]]


class CompletionPublisher:
    """Reads `requests.assembled` and publishes `requests.completed`, in membership after membership of its group."""

    def __init__(
        self,
        connection: KafkaConnection,
        completion_of: Completions,
        *,
        dead_letters: DeadLetters,
        now: Callable[[], datetime],
    ) -> None:
        self._connection = connection
        self._completion_of = completion_of
        self._dead_letters = dead_letters
        self._share = UndecodableShare()
        self._now = now

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until stopped.

        Raises `Fenced` when another process owns what this one thought its own, and `TooManyUndecodable`.
        """
        while not stop.is_set():
            membership = _Membership(
                self._connection, self._completion_of, self._dead_letters, share=self._share, now=self._now
            )
            try:
                await membership.run(stop)
            except DependencyAway as away:
                log.warning("the publisher joins again", extra={"part": away.part, "reason": away.reason})
                await pause(stop, RETRY_SECONDS)


class _Membership(ConsumerRebalanceListener):
    """One stay in the consumer group. Its producers end with it."""

    def __init__(
        self,
        connection: KafkaConnection,
        completion_of: Completions,
        dead_letters: DeadLetters,
        *,
        share: UndecodableShare,
        now: Callable[[], datetime],
    ) -> None:
        self._connection = connection
        self._completion_of = completion_of
        self._dead_letters = dead_letters
        self._share = share
        self._now = now
        self._group = connection.group("aggregator", "publisher")
        self._consumer = AIOKafkaConsumer(**connection.consumer_options(self._group))
        self._pace = Pace()
        self._producers: dict[TopicPartition, PartitionTransactions] = {}
        self._generation = 0
        self._is_assigned = False
        self._dropped: set[TopicPartition] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._failure: Exception | None = None

    async def run(self, stop: asyncio.Event) -> None:
        self._consumer.subscribe([self._connection.topic(REQUESTS_ASSEMBLED)], listener=self)
        # Joining, and a poll while the group rebalances, may wait for others without end; a stop must not.
        turning = asyncio.create_task(self._turns_until(stop))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({turning, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if turning.cancelled():
                # Not by us: the client gave up what this waited for.
                raise DependencyAway("kafka", "a call was dropped")
            if turning.done():
                turning.result()
            await self._finish_turn()
        except (KafkaError, OSError) as error:
            raise DependencyAway("kafka", str(error)) from error
        finally:
            turning.cancel()
            stopping.cancel()
            await asyncio.gather(turning, stopping, return_exceptions=True)
            await self._consumer.stop()
            await self._stop_producers()

    async def _turns_until(self, stop: asyncio.Event) -> None:
        await self._consumer.start()
        while not stop.is_set():
            if await self._turn(stop):
                await pause(stop, GATHER_SECONDS)

    async def _finish_turn(self) -> None:
        """Give the transaction in hand its time."""
        try:
            await asyncio.wait_for(self._idle.wait(), DRAIN_SECONDS)
        except TimeoutError:
            log.warning("a transaction is given up")

    async def on_partitions_revoked(self, _revoked: Iterable[TopicPartition]) -> None:
        self._is_assigned = False
        self._generation += 1
        # What is assigned next is sought one by one, each behind the fetch that is under way then.
        self._pace.adjust(self._consumer, is_awake=True)
        await self._finish_turn()
        await self._stop_producers()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        # The client swallows what a listener raises, so a failure is kept for the loop.
        try:
            for partition in assigned:
                await self._take_over(partition)
        except Exception as error:
            self._failure = error
        else:
            # Records may have been handed out before this moment; only from here on are they taken.
            self._generation += 1
            self._is_assigned = True

    async def _take_over(self, partition: TopicPartition) -> None:
        """First the producer, which ends what a predecessor left open; only then is the committed offset the truth."""
        producer = PartitionTransactions(self._connection, group=self._group, partition=partition)
        self._producers[partition] = producer
        await producer.start()
        await self._rewind(partition)

    async def _rewind(self, partition: TopicPartition) -> None:
        offset = await self._consumer.committed(partition)
        if offset is None:
            await self._consumer.seek_to_beginning(partition)
        else:
            self._consumer.seek(partition, offset)

    async def _turn(self, stop: asyncio.Event) -> bool:
        """Publish what is there; return whether there was anything."""
        generation = self._generation
        batch = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
        self._pace.adjust(self._consumer, is_awake=bool(batch) or not self._is_assigned)
        if self._failure is not None:
            raise self._failure
        # From here to the next await nothing else runs, so a revocation sees that there is work.
        self._idle.clear()
        try:
            for partition, items in batch.items():
                if self._is_assigned and generation == self._generation and partition not in self._dropped:
                    await self._publish(partition, [record_of(item) for item in items], stop)
                else:
                    self._dropped.add(partition)
            await self._rewind_dropped()
        finally:
            self._idle.set()
        return bool(batch)

    async def _rewind_dropped(self) -> None:
        """Records handed out while partitions changed hands were not taken: they are read again."""
        for partition in self._dropped & self._producers.keys() if self._is_assigned else ():
            try:
                await self._rewind(partition)
            except IllegalStateError:
                log.info("partition lost while it was rewound")
            self._dropped.discard(partition)

    async def _publish(self, partition: TopicPartition, records: Sequence[Record], stop: asyncio.Event) -> None:
        producer = self._producers.get(partition)
        try:
            completions = [
                completion for record in records if (completion := await self._completion(record)) is not None
            ]
        except DependencyAway as away:
            # Nothing is open yet: the same records are read again, and polling goes on.
            log.warning("completions wait for a part", extra={"part": away.part, "reason": away.reason})
            self._dropped.add(partition)
            await pause(stop, RETRY_SECONDS)
            return
        if producer is None or self._producers.get(partition) is not producer:
            # The partition changed hands meanwhile, if only to come back: the records belong to its new assignment.
            self._dropped.add(partition)
        else:
            await producer.publish(REQUESTS_COMPLETED, completions, next_offset=records[-1].offset + 1)

    async def _completion(self, record: Record) -> Encoded | None:
        try:
            received = decode(record, (RequestAssembled,))
        except Undecodable as error:
            await self._dead_letters.dead_letter(record, reason=str(error))
            log.warning("undecodable record set aside", extra={"trigger": str(record.trigger), "reason": str(error)})
            self._share.undecodable()
            return None
        self._share.decoded()
        assert isinstance(received.event, RequestAssembled)
        trace = enter_trace(received.headers.get("traceparent"))
        completion = await self._completion_of(
            Received(received.event, received.trigger, received.headers, received.record)
        )
        if completion is None:
            return None
        return encode(completion, source=SOURCE, now=self._now(), traceparent=trace)

    async def _stop_producers(self) -> None:
        producers, self._producers = self._producers, {}
        await asyncio.gather(*(producer.stop() for producer in producers.values()))
