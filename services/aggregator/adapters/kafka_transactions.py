"""The transactional producer of one input partition: what it publishes and the input offset go together or not at all.

It belongs to the assignment of its partition. Starting it fences and aborts what a predecessor left open. When it is
fenced itself it is never made again, because that would fence the rightful owner.
"""

import asyncio
import logging
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, OutOfOrderSequenceNumber, ProducerFenced

from shared.errors import DependencyAway
from shared.kafka.cloudevents import Encoded
from shared.kafka.connection import KafkaConnection
from shared.topics import Topic

log = logging.getLogger(__name__)

TRANSACTION_SECONDS = 15
CALL_SECONDS = 20.0
STOP_SECONDS = 5.0


class Fenced(Exception):
    """Another process has taken over the partition. This one must end: the records belong to the other."""


class PartitionTransactions:
    """Publishes for one partition of the input."""

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        group: str,
        partition: TopicPartition,
    ) -> None:
        self._connection = connection
        self._group = group
        self._partition = partition
        self._client = AIOKafkaProducer(
            **connection.client_options(),
            transactional_id=f"{group}.{partition.topic}.{partition.partition}",
            transaction_timeout_ms=TRANSACTION_SECONDS * 1000,
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
        )

    async def start(self) -> None:
        """Take over the partition's transactions. Raises `DependencyAway`."""
        try:
            await asyncio.wait_for(self._client.start(), CALL_SECONDS)
        except (KafkaError, OSError, TimeoutError) as error:
            await self.stop()
            raise DependencyAway("kafka", str(error) or "no transaction coordinator") from error

    async def publish(self, topic: Topic, events: Sequence[Encoded], *, next_offset: int) -> None:
        """Publish and commit `next_offset` in one transaction.

        Raises `Fenced`, or `DependencyAway` when it is not known whether the transaction took place; in both cases
        this producer is of no more use.
        """
        pending: list[asyncio.Future[object]] = []
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await self._client.begin_transaction()
                pending += [await self._send(topic, event) for event in events]
                await asyncio.gather(*pending)
                await self._client.send_offsets_to_transaction({self._partition: next_offset}, self._group)
                await self._client.commit_transaction()
        except (ProducerFenced, OutOfOrderSequenceNumber) as error:
            raise Fenced(f"the producer of {self._partition} was fenced") from error
        except (KafkaError, OSError, TimeoutError) as error:
            raise DependencyAway("kafka", str(error) or "no end of the transaction in time") from error
        finally:
            _collect(pending)

    async def stop(self) -> None:
        """Close; what is open is aborted by the successor, or by the broker after the transaction's timeout."""
        try:
            await asyncio.wait_for(self._client.stop(), STOP_SECONDS)
        except (KafkaError, TimeoutError) as error:
            log.info("transactional producer closed without a clean end", extra={"reason": type(error).__name__})

    async def _send(self, topic: Topic, event: Encoded) -> "asyncio.Future[object]":
        name = self._connection.topic(topic)
        sent: asyncio.Future[object] = await self._client.send(
            name, event.value, key=event.key, headers=list(event.headers)
        )
        return sent


def _collect(pending: Sequence["asyncio.Future[object]"]) -> None:
    """Look at every outcome, so that none is reported as never retrieved."""
    for future in pending:
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
