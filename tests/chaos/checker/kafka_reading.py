"""Kafka read from outside: committed completions, what consumer groups have not committed, undecodable records."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import uuid4

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from tests.chaos.checker.evidence import DeadLetters, Lag

COMPLETIONS: Final = "requests.completed.v1"
UNDECODABLE: Final = "undecodable.dlt.v1"
DEAD_IMAGES: Final = "images.dlt.v1"
DEAD_WEBHOOKS: Final = "webhooks.dlt.v1"
GROUPS: Final = "pixelmill."
# A table's changelog is read at a start and never committed.
CHANGELOG: Final = "-changelog"
_SECONDS: Final = 60.0
_AT_ONCE: Final = 500


class KafkaReading:
    """One broker; reads committed records only and commits nothing."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._servers = bootstrap_servers
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers})

    def completions(self) -> list[dict[str, Any]]:
        """Every committed completion."""
        return [json.loads(message.value() or b"") for message in self._topic(COMPLETIONS)]

    def dead_letters(self) -> DeadLetters:
        """What was given up."""
        images = [json.loads(message.value() or b"") for message in self._topic(DEAD_IMAGES)]
        return DeadLetters(
            images=[(str(image["request_id"]), str(image["url"])) for image in images],
            webhooks=len(self._topic(DEAD_WEBHOOKS)),
            undecodable=len(self._topic(UNDECODABLE)),
        )

    def lags(self) -> list[Lag]:
        """Every group and partition with the number of records that the group has not committed.

        Records are counted, not offsets: the marks of transactions have offsets of their own at the end of a
        partition, and no consumer ever commits past those.
        """
        found = []
        with self._consumer() as consumer:
            for group in self._groups():
                for place in self._places_of(group):
                    records = sum(1 for _ in self._rest(consumer, [place]))
                    found.append(Lag(group, place.topic, place.partition, records))
        return found

    def _groups(self) -> list[str]:
        listed = self._admin.list_consumer_groups().result().valid
        return sorted(group.group_id for group in listed if group.group_id.startswith(GROUPS))

    def _places_of(self, group: str) -> list[TopicPartition]:
        """Where a group goes on in each partition that it has read or was given."""
        [committed] = self._admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]).values()
        offsets = {(place.topic, place.partition): place.offset for place in committed.result().topic_partitions or []}
        [described] = self._admin.describe_consumer_groups([group]).values()
        for member in described.result().members:
            for place in member.assignment.topic_partitions if member.assignment else []:
                offsets.setdefault((place.topic, place.partition), OFFSET_BEGINNING)
        return [
            TopicPartition(topic, partition, offset if offset >= 0 else OFFSET_BEGINNING)
            for (topic, partition), offset in sorted(offsets.items())
            if not topic.endswith(CHANGELOG)
        ]

    def _topic(self, topic: str) -> list[Message]:
        with self._consumer() as consumer:
            known = consumer.list_topics(topic, timeout=_SECONDS).topics[topic].partitions
            return list(self._rest(consumer, [TopicPartition(topic, number, OFFSET_BEGINNING) for number in known]))

    def _rest(self, consumer: Consumer, places: list[TopicPartition]) -> Iterator[Message]:
        """The records from these places to the ends as they are now."""
        consumer.assign(places)
        open_ends = {(place.topic, place.partition) for place in places}
        deadline = time.monotonic() + _SECONDS
        while open_ends:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the ends of {open_ends} were not reached")
            for message in consumer.consume(_AT_ONCE, 0.5):
                error = message.error()
                if error is None:
                    yield message
                elif error.name() == "_PARTITION_EOF":
                    open_ends.discard((message.topic(), message.partition()))
                elif not error.retriable():
                    raise KafkaException(error)

    @contextmanager
    def _consumer(self) -> Iterator[Consumer]:
        consumer = Consumer(
            {
                "bootstrap.servers": self._servers,
                "group.id": f"check-{uuid4()}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
            }
        )
        try:
            yield consumer
        finally:
            consumer.close()
