"""The idempotent producer of every service: an event is published when all in-sync replicas have it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, RequestTimedOutError

from shared.errors import DependencyAway
from shared.events import Event
from shared.kafka.cloudevents import Encoded, encode
from shared.kafka.connection import KafkaConnection
from shared.kafka.dead_letters import undecodable_letter
from shared.kafka.gathering import Gathering
from shared.kafka.records import Record
from shared.topics import UNDECODABLE_DLT, Topic
from shared.trace_context import current_traceparent

log = logging.getLogger(__name__)

DEPENDENCY = "kafka"

MOST_BATCH_BYTES = 256 * 1024


class Facts(Protocol):
    """What a handler needs to tell others what happened."""

    async def publish(self, topic: Topic, *events: Event) -> None:
        """Return when every event is acknowledged; raise `DependencyAway` when that takes too long."""


class EventProducer:
    """Publishes events with `acks=all` and idempotence. Starts on first use, so that Kafka may come later.

    Those who publish while there is work in hand wait for each other: `gathering` wants to be told of it, if there is.
    What is appended goes at once: whoever appends is work in hand itself, and holds a place.
    A publish that timed out may still arrive: every reader takes an event twice without harm.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        source: str,
        *,
        timeout_seconds: float = 20.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._connection = connection
        self._source = source
        self.gathering = Gathering()
        self._timeout_seconds = timeout_seconds
        self._now = now
        self._client: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def publish(self, topic: Topic, *events: Event) -> None:
        now = self._now()
        name = self._connection.topic(topic)
        trace = current_traceparent()
        records = [encode(event, source=self._source, now=now, traceparent=trace) for event in events]
        await self._send(name, records, moment=self.gathering.moment)

    async def append(self, topic: Topic, record: Encoded) -> None:
        """Write a record as it is, without waiting for others. Returns and raises as `publish` does."""
        await self._send(self._connection.topic(topic), [record])

    async def dead_letter(self, record: Record, *, reason: str) -> None:
        """Keep an undecodable record with its bytes, headers and origin."""
        await self.append(UNDECODABLE_DLT, undecodable_letter(record, reason))

    async def probe(self) -> None:
        """Raise `DependencyAway` unless the broker answers."""
        client = await self._started()
        try:
            await asyncio.wait_for(client.client.fetch_all_metadata(), 5)
        except (KafkaError, TimeoutError) as error:
            raise DependencyAway(DEPENDENCY, str(error) or "no answer") from error

    async def stop(self) -> None:
        """Send what is buffered, for at most the timeout, and close."""
        if self._client is not None:
            client, self._client = self._client, None
            try:
                await asyncio.wait_for(client.stop(), self._timeout_seconds)
            except (KafkaError, TimeoutError) as error:
                log.warning("producer stopped without a clean end", extra={"reason": str(error)})

    async def _send(
        self, topic: str, records: list[Encoded], *, moment: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                client = await self._started()
                if moment is not None:
                    await moment()
                # Nobody else has a turn before all who waited have put their records in: they go out in one request.
                pending = [
                    await client.send(topic, record.value, key=record.key, headers=list(record.headers))
                    for record in records
                ]
                await asyncio.gather(*pending)
        except (TimeoutError, KafkaConnectionError, KafkaTimeoutError, RequestTimedOutError) as error:
            raise DependencyAway(DEPENDENCY, str(error) or "no acknowledgement in time") from error

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._client is None:
                self._client = await self._start()
            return self._client

    async def _start(self) -> AIOKafkaProducer:
        client = AIOKafkaProducer(
            **self._connection.client_options(),
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            max_request_size=UNDECODABLE_DLT.largest_record_bytes,
            max_batch_size=MOST_BATCH_BYTES,
        )
        try:
            await asyncio.wait_for(client.start(), self._timeout_seconds)
        except (KafkaError, TimeoutError) as error:
            await client.stop()
            raise DependencyAway(DEPENDENCY, str(error) or "no answer") from error
        except asyncio.CancelledError:
            await client.stop()
            raise
        return client
