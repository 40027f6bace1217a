"""The Faust application and its table, as this service needs them. Nothing else imports Faust.

Concurrency is one: with more, a kill can lose events. At least once: Faust's own transactions leave out what is sent
to topics that it does not read. The store is memory, so standbys would give nothing.
"""

import logging
import time
from collections.abc import Callable, MutableMapping
from typing import Any

import faust

from services.aggregator.adapters.faust_consumer import ExactTransport
from services.aggregator.domain.progress import ChunkProgress
from services.aggregator.on_image_processed import ChunkId
from shared.ids import RequestId, chunk_key
from shared.kafka.connection import KafkaConnection
from shared.topics import IMAGES_PROCESSED

TABLE_NAME = "chunks"
COMMIT_SECONDS = 2.0
CHANGELOG_LINGER_SECONDS = 0.01
WRITE_SECONDS = 2.0
APPLICATION_ROLE = ("aggregator", "stream")

_LONGEST_BATCH_SECONDS = 900.0


def changelog_name(connection: KafkaConnection) -> str:
    """The changelog topic of the chunk table."""
    return f"{connection.group(*APPLICATION_ROLE)}-{TABLE_NAME}-changelog"


class FaustApplication(faust.App):
    """A Faust app that loses no record, and leaves the file system alone: its store is memory."""

    # Faust names a logger after the module of the class; its news are not ours.
    logger = logging.getLogger("faust.app")

    def _create_directories(self) -> None:
        return

    def _new_transport(self) -> ExactTransport:
        return ExactTransport(self.conf.broker_consumer, self)


def faust_application(connection: KafkaConnection, *, partitions: int) -> FaustApplication:
    """Make the application; `partitions` is the count of its source topic and of its changelog."""
    settings = connection.settings
    return FaustApplication(
        connection.group(*APPLICATION_ROLE),
        broker=[f"kafka://{server.strip()}" for server in settings.kafka_bootstrap_servers.split(",")],
        **_security(connection),
        autodiscover=False,
        broker_commit_interval=COMMIT_SECONDS,
        broker_max_poll_interval=_LONGEST_BATCH_SECONDS,
        broker_session_timeout=float(settings.kafka_session_timeout_seconds),
        broker_request_timeout=float(max(90, settings.kafka_session_timeout_seconds)),
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.kafka_group_instance_id,
        processing_guarantee="at_least_once",
        producer_acks=-1,
        producer_compression_type="lz4",
        # The changes of one batch go together.
        producer_linger=CHANGELOG_LINGER_SECONDS,
        store="memory://",
        # At a rebalance a batch may wait for a part of ours; what is unfinished comes again.
        stream_wait_empty=False,
        table_standby_replicas=0,
        topic_disable_leader=True,
        topic_partitions=partitions,
        topic_replication_factor=connection.replication_factor,
        web_enabled=False,
    )


def processed_images(application: FaustApplication, connection: KafkaConnection, *, partitions: int) -> Any:
    """The source topic, as raw bytes."""
    return application.topic(
        connection.topic(IMAGES_PROCESSED),
        key_type=bytes,
        key_serializer="raw",
        value_type=bytes,
        value_serializer="raw",
        partitions=partitions,
    )


def chunk_table(application: FaustApplication, *, partitions: int) -> Any:
    """The Faust table. Its keys are the record keys of the source, so both share partitions."""
    # Writes happen between events, so the partition follows from the key.
    return application.Table(TABLE_NAME, key_type=bytes, value_type=bytes, partitions=partitions, use_partitioner=True)


class FaustChunkTable:
    """Chunks in flight, in a Faust table.

    Each write to it is a record in its changelog, and all that a table which was read back says is confirmed by rows
    before it is used. So what changes is kept in memory and written once in a while: nothing is lost with it.
    """

    def __init__(self, table: MutableMapping[bytes, bytes], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._clock = clock
        self._unwritten: dict[ChunkId, ChunkProgress] = {}
        self._write_at = clock()

    def get(self, chunk: ChunkId) -> ChunkProgress | None:
        if chunk in self._unwritten:
            return self._unwritten[chunk]
        value = self._table.get(_key(chunk))
        return None if value is None else ChunkProgress.from_bytes(value)

    def put(self, chunk: ChunkId, progress: ChunkProgress) -> None:
        self._unwritten[chunk] = progress
        if self._clock() >= self._write_at:
            self._write()

    def remove(self, chunk: ChunkId) -> None:
        self._unwritten.pop(chunk, None)
        if _key(chunk) in self._table:
            self._table.pop(_key(chunk))

    def forget(self) -> None:
        """Partitions were assigned: what is not written may belong to others now."""
        self._unwritten.clear()

    def keys(self) -> list[ChunkId]:
        """The chunks of this worker, and perhaps some that were its own before a rebalance."""
        return list({*map(_chunk, self._table), *self._unwritten})

    def _write(self) -> None:
        for chunk, progress in self._unwritten.items():
            self._table[_key(chunk)] = progress.to_bytes()
        self._unwritten.clear()
        self._write_at = self._clock() + WRITE_SECONDS


def _key(chunk: ChunkId) -> bytes:
    return chunk_key(*chunk).encode()


def _chunk(key: bytes) -> ChunkId:
    request_id, _, chunk = key.decode().rpartition(":")
    return ChunkId(RequestId(request_id), int(chunk))


def _security(connection: KafkaConnection) -> dict[str, Any]:
    options = connection.client_options()
    context = options.get("ssl_context")
    if "sasl_mechanism" in options:
        credentials = faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
        return {"broker_credentials": credentials}
    return {"broker_credentials": context} if context is not None else {}
