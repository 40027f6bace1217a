"""Creating the topics, and refusing a partition count that changed after the first start."""

from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from shared.errors import DependencyAway
from shared.kafka.connection import KafkaConnection
from shared.topics import Topic, partitioned


class PartitionsChanged(Exception):
    """A topic exists with another number of partitions. Keys and the aggregator's table depend on it, so it cannot
    be changed: set the partition plan back, or start on a cluster or prefix without these topics."""

    def __init__(self, differences: Sequence[str]) -> None:
        super().__init__(f"{'; '.join(differences)}. {self.__doc__}")


_ALREADY_EXISTS = 36


async def create_topics(connection: KafkaConnection, topics: Sequence[Topic] | None = None) -> list[str]:
    """Create what is missing of `topics` (default: all) and return their names; safe to run twice.

    Raises `PartitionsChanged` when a topic exists with another partition count, `DependencyAway` without a broker.
    """
    wanted = partitioned(connection.partitioning) if topics is None else topics
    admin = AIOKafkaAdminClient(**connection.client_options())
    try:
        await admin.start()
        return await _create(admin, connection, {connection.topic(topic): topic for topic in wanted})
    except (KafkaError, OSError) as error:
        raise DependencyAway("kafka", str(error)) from error
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, connection: KafkaConnection, wanted: dict[str, Topic]) -> list[str]:
    existing = set(await admin.list_topics())
    missing = {name: topic for name, topic in wanted.items() if name not in existing}
    await _refuse_changed_partitions(admin, {name: topic for name, topic in wanted.items() if name in existing})
    if missing:
        answer = await admin.create_topics([_new_topic(name, topic, connection) for name, topic in missing.items()])
        for name, code, *_message in answer.topic_errors:  # type: ignore[attr-defined]  # of the newest response version
            if code not in (0, _ALREADY_EXISTS):
                raise for_code(code)(f"topic {name} could not be created")
    return list(missing)


async def _refuse_changed_partitions(admin: AIOKafkaAdminClient, existing: dict[str, Topic]) -> None:
    if not existing:
        return
    described = await admin.describe_topics(list(existing))
    differences = [
        f"{item['topic']} has {len(item['partitions'])} partitions, not {existing[item['topic']].partitions}"
        for item in described
        if len(item["partitions"]) != existing[item["topic"]].partitions
    ]
    if differences:
        raise PartitionsChanged(differences)


def _new_topic(name: str, topic: Topic, connection: KafkaConnection) -> NewTopic:
    return NewTopic(
        name=name,
        num_partitions=topic.partitions,
        replication_factor=connection.replication_factor,
        topic_configs={
            "cleanup.policy": "delete",
            "retention.ms": str(topic.retention_ms),
            "min.insync.replicas": str(max(1, connection.replication_factor - 1)),
            # A retry tier is due in the order of its appends, whatever the clocks of its writers say.
            **({"message.timestamp.type": "LogAppendTime"} if topic.delay else {}),
            **({"max.message.bytes": str(topic.largest_record_bytes)} if topic.largest_record_bytes else {}),
        },
    )
