"""The changelog of the chunk table: it must exist, fit its source and be compacted before the table is opened."""

import asyncio
import logging

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.errors import DependencyAway
from shared.kafka.connection import KafkaConnection
from shared.stopping import pause
from shared.topics import IMAGES_PROCESSED

log = logging.getLogger(__name__)

RETRY_SECONDS = 2.0


class PartitionsDiffer(Exception):
    """The changelog of the chunk table has another number of partitions than its source topic. Both are fixed at the
    first start: delete the changelog topic (it is a cache, rows in Postgres are the truth) and start again."""

    def __init__(self, source: str, source_partitions: int, changelog: str, changelog_partitions: int) -> None:
        found = f"{source} has {source_partitions} partitions, {changelog} has {changelog_partitions}"
        super().__init__(f"{found}. {self.__doc__}")


async def until_ready(connection: KafkaConnection, changelog: str, stop: asyncio.Event) -> int | None:
    """Wait for the broker and the source topic, create the changelog; return the partition count, None when stopped."""
    while not stop.is_set():
        try:
            partitions = await _prepare(connection, changelog)
        except DependencyAway as away:
            log.warning("the stream waits for its topics", extra={"reason": away.reason})
            await pause(stop, RETRY_SECONDS)
        else:
            return partitions
    return None


async def _prepare(connection: KafkaConnection, changelog: str) -> int:
    admin = AIOKafkaAdminClient(**connection.client_options())
    source = connection.topic(IMAGES_PROCESSED)
    try:
        await admin.start()
        partitions = await _partitions(admin, source)
        if partitions is None:
            raise DependencyAway("kafka", f"topic {source} does not exist; run `pixelmill migrate`")
        existing = await _partitions(admin, changelog)
        if existing is None:
            await _create(admin, connection, changelog, partitions)
        elif existing != partitions:
            raise PartitionsDiffer(source, partitions, changelog, existing)
    except (KafkaError, OSError) as error:
        raise DependencyAway("kafka", str(error)) from error
    finally:
        await admin.close()
    return partitions


async def _partitions(admin: AIOKafkaAdminClient, topic: str) -> int | None:
    if topic not in await admin.list_topics():
        return None
    described = await admin.describe_topics([topic])
    return len(described[0]["partitions"])


async def _create(admin: AIOKafkaAdminClient, connection: KafkaConnection, changelog: str, partitions: int) -> None:
    topic = NewTopic(
        name=changelog,
        num_partitions=partitions,
        replication_factor=connection.replication_factor,
        # Compaction alone: a changelog trimmed by time can hang its recovery.
        topic_configs={
            "cleanup.policy": "compact",
            "min.insync.replicas": str(max(1, connection.replication_factor - 1)),
        },
    )
    answer = await admin.create_topics([topic])
    for name, code, *_message in answer.topic_errors:  # type: ignore[attr-defined]  # of the newest response version
        if code not in (0, TopicAlreadyExistsError.errno):
            raise for_code(code)(f"topic {name} could not be created")
