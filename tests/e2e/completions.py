"""Reads `requests.completed.v1` with a client that shares no code with the project."""

import json
import time
from typing import Any
from uuid import uuid4

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

TOPIC = "requests.completed.v1"


def completions(bootstrap_servers: str, *, seconds: float = 30.0) -> list[dict[str, Any]]:
    """Every committed completion from the beginning of the topic to its end now."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap_servers, "group.id": f"check-{uuid4()}", "isolation.level": "read_committed",
         "enable.auto.commit": False, "enable.partition.eof": True}
    )  # fmt: skip
    try:
        partitions = list(consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions)
        consumer.assign([TopicPartition(TOPIC, partition, OFFSET_BEGINNING) for partition in partitions])
        return _read_to_the_end(consumer, set(partitions), time.monotonic() + seconds)
    finally:
        consumer.close()


def _read_to_the_end(consumer: Consumer, open_partitions: set[int], deadline: float) -> list[dict[str, Any]]:
    found = []
    while open_partitions:
        assert time.monotonic() < deadline, "the end of the topic was not reached"
        message = consumer.poll(0.5)
        if message is None:
            continue
        error = message.error()
        if error is None:
            found.append(json.loads(message.value() or b""))
        elif error.name() == "_PARTITION_EOF":
            open_partitions.discard(message.partition() or 0)
        else:
            raise KafkaException(error)
    return found
