"""The stream of processed images: takes batches from Faust, hands them to the handler, acknowledges them.

An exception in a Faust agent acknowledges the event, so nothing is raised there: a part that is away is waited for,
and a bug ends the process before the batch is acknowledged.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol

from services.aggregator.adapters.faust_chunks import (
    FaustApplication,
    FaustChunkTable,
    changelog_name,
    chunk_table,
    faust_application,
    processed_images,
)
from services.aggregator.adapters.kafka_changelog import until_ready
from services.aggregator.on_image_processed import Results
from shared.errors import DependencyAway
from shared.events import ImageProcessed
from shared.kafka.cloudevents import Undecodable, decode
from shared.kafka.connection import KafkaConnection
from shared.kafka.consumer import DeadLetters
from shared.kafka.records import Received, Record
from shared.kafka.undecodable import UndecodableShare
from shared.stopping import dropped_calls_are_away

log = logging.getLogger(__name__)

BATCH_EVENTS = 500
FIRST_RETRY_SECONDS = 0.2
LAST_RETRY_SECONDS = 5.0
DRAIN_SECONDS = 10.0
STOP_SECONDS = 15.0
WATCH_SECONDS = 0.5


class StreamCrashed(Exception):
    """Faust gave up; its reason is the cause. The process ends and is restarted."""


class BatchHandler(Protocol):
    def forget(self) -> None:
        """Partitions were assigned anew."""

    async def __call__(self, batch: Results) -> None: ...


class ImageStream:
    """Runs the Faust application inside our own process."""

    def __init__(
        self,
        connection: KafkaConnection,
        handler: Callable[[FaustChunkTable], BatchHandler],
        *,
        dead_letters: DeadLetters,
    ) -> None:
        self._connection = connection
        self._make_handler = handler
        self._dead_letters = dead_letters
        self._share = UndecodableShare()
        self._application: FaustApplication | None = None
        self._failure: asyncio.Future[None] | None = None
        self._is_draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Stream until stopped, then finish the batch in hand and commit."""
        partitions = await until_ready(self._connection, changelog_name(self._connection), stop)
        if partitions is None:
            return
        application = self._application = self._assemble(partitions)
        starting = asyncio.create_task(application.start())
        try:
            await self._until_stopped(stop, starting)
            await self._drain(application)
        finally:
            await self._stop(application, starting)

    async def probe(self) -> None:
        """Raise `DependencyAway` unless the table is recovered and the group has settled; no partitions are fine."""
        application = self._application
        if application is None:
            raise DependencyAway("stream", "waits for Kafka and its topics")
        if application.should_stop:
            raise DependencyAway("stream", "has stopped")
        tables: Any = application.tables
        if application.rebalancing or not tables.recovery.completed.is_set():
            raise DependencyAway("stream", "recovers its table")

    def _assemble(self, partitions: int) -> FaustApplication:
        self._failure = asyncio.get_running_loop().create_future()
        application = faust_application(self._connection, partitions=partitions)
        table = FaustChunkTable(chunk_table(application, partitions=partitions))
        handler = self._make_handler(table)

        async def on_assignment(*_args: Any, **_more: Any) -> None:
            table.forget()
            handler.forget()

        application.on_partitions_assigned.connect(on_assignment)
        # Once more when the table is recovered: a batch from before the rebalance may have run in between.
        application.on_rebalance_complete.connect(on_assignment)

        async def aggregate(stream: Any) -> None:
            await self._aggregate(stream, handler)

        topic = processed_images(application, self._connection, partitions=partitions)
        application.agent(topic, name="images_processed", concurrency=1)(aggregate)
        return application

    async def _aggregate(self, stream: Any, handler: BatchHandler) -> None:
        # Only what was handled is acknowledged, whatever Faust does when the stream is cancelled.
        stream.enable_acks = False
        try:
            async for events in batches_of(stream):
                await self._take(stream, events, handler)
        except Exception as error:
            log.critical("the stream ends because of an error", exc_info=error)
            assert self._failure is not None
            if not self._failure.done():
                self._failure.set_exception(error)
            # Never return: the process ends, and what was not acknowledged comes again.
            await asyncio.Event().wait()

    async def _take(self, stream: Any, events: Sequence[Any], handler: BatchHandler) -> None:
        if self._is_draining:
            await asyncio.Event().wait()
        self._idle.clear()
        try:
            batch = [received async for received in self._decoded(events)]
            if batch:
                await _until_parts_are_back(lambda: handler(batch))
            for event in events:
                await stream.ack(event)
        finally:
            self._idle.set()

    async def _decoded(self, events: Sequence[Any]) -> AsyncIterator[Received[ImageProcessed]]:
        for event in events:
            record = _record(event.message)
            try:
                received = decode(record, (ImageProcessed,))
            except Undecodable as error:
                await self._set_aside(record, str(error))
            else:
                self._share.decoded()
                assert isinstance(received.event, ImageProcessed)
                yield Received(received.event, received.trigger, received.headers, received.record)

    async def _set_aside(self, record: Record, reason: str) -> None:
        await _until_parts_are_back(lambda: self._dead_letters.dead_letter(record, reason=reason))
        log.warning("undecodable record set aside", extra={"trigger": str(record.trigger), "reason": reason})
        self._share.undecodable()

    async def _until_stopped(self, stop: asyncio.Event, starting: "asyncio.Task[Any]") -> None:
        """Watch the application until it is to stop; raise what ended it otherwise."""
        application, failure = self._application, self._failure
        assert application is not None
        assert failure is not None
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stopping.done():
                watched: set[asyncio.Future[Any]] = {stopping, failure}
                await asyncio.wait(watched, timeout=WATCH_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if failure.done():
                    failure.result()
                if starting.done():
                    starting.result()
                if application.should_stop and not stopping.done():
                    raise StreamCrashed from application.crash_reason
        finally:
            stopping.cancel()

    async def _drain(self, application: FaustApplication) -> None:
        self._is_draining = True
        try:
            await asyncio.wait_for(self._idle.wait(), DRAIN_SECONDS)
            if application.consumer.assignment():
                await asyncio.wait_for(application.consumer.commit(), DRAIN_SECONDS)
        except TimeoutError:
            log.warning("stream stopped with a batch in hand; it comes again")

    async def _stop(self, application: FaustApplication, starting: "asyncio.Task[Any]") -> None:
        """Stop Faust. Its thread would keep a process alive that cannot stop it, so such a process is ended hard."""
        stopping = asyncio.ensure_future(application.stop())
        # Faust swallows a cancellation, so a timeout around it would wait for it all the same.
        done, _ = await asyncio.wait({stopping}, timeout=STOP_SECONDS)
        starting.cancel()
        if not done:
            log.critical("Faust does not stop, the process is ended")
            os._exit(1)
        await asyncio.gather(stopping, starting, return_exceptions=True)


async def batches_of(stream: Any) -> AsyncIterator[list[Any]]:
    """What waits in the stream together; nothing waits for more to come."""
    queue = stream.channel.queue
    events: list[Any] = []
    async for event in stream.events():
        if events and events[-1].message.generation_id != event.message.generation_id:
            # From before a rebalance, and not acknowledged: its records are read again by whoever owns them now.
            events = []
        events.append(event)
        if len(events) >= BATCH_EVENTS or queue.empty():
            yield events
            events = []


async def _until_parts_are_back(step: Callable[[], Awaitable[None]]) -> None:
    delay = FIRST_RETRY_SECONDS
    while True:
        try:
            with dropped_calls_are_away("a library"):
                await step()
        except DependencyAway as away:
            log.warning("batch waits for a part", extra={"part": away.part, "reason": away.reason})
            await asyncio.sleep(delay)
            delay = min(2 * delay, LAST_RETRY_SECONDS)
        else:
            return


def _record(message: Any) -> Record:
    headers = message.headers.items() if isinstance(message.headers, dict) else message.headers or ()
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        headers=tuple((name, value) for name, value in headers),
    )
