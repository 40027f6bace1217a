"""When each stage of each request was reached, as the events that stand in the topics say. They are read afterwards."""

import json
import statistics
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from shared.topics import TOPICS

SUBMITTED: Final = "submitted"
SEEN: Final = "seen"
STAGES: Final = (
    SUBMITTED,
    "requests.accepted",
    "images.requested",
    "images.processed",
    "chunk.completed",
    "requests.assembled",
    "requests.completed",
    SEEN,
)
"""What a request of one image goes through, in order: from its submission to a reader of its completion event."""
POLL_SECONDS: Final = 2.0
METADATA_SECONDS: Final = 10.0

Moments = dict[str, float]
"""Unix seconds by stage."""


def written(settings: Mapping[str, str]) -> dict[str, Moments]:
    """When each event was written first, by request and type."""
    found: dict[str, Moments] = {}
    for message in _messages(settings):
        moments = found.setdefault(json.loads(message.value() or b"{}")["request_id"], {})
        moments.setdefault(_type_of(message), message.timestamp()[1] / 1000)
    return found


def steps(requests: Iterable[Moments]) -> dict[str, float]:
    """Median milliseconds of each step, under the name of the stage that it leads to."""
    courses = list(requests)
    return {
        later: round(1000 * statistics.median(course[later] - course[earlier] for course in courses), 1)
        for earlier, later in pairwise(STAGES)
    }


def _messages(settings: Mapping[str, str]) -> Iterator[Message]:
    consumer = Consumer(
        {
            "bootstrap.servers": settings["KAFKA_BOOTSTRAP_SERVERS"],
            "group.id": "bench-stages",
            "enable.auto.commit": False,
        }
    )
    try:
        known = consumer.list_topics(timeout=METADATA_SECONDS).topics
        prefix = settings.get("KAFKA_TOPIC_PREFIX", "")
        names = [prefix + topic.name for topic in TOPICS]
        places = [(name, number) for name in names for number in known[name].partitions]
        consumer.assign([TopicPartition(name, number, OFFSET_BEGINNING) for name, number in places])
        while (message := consumer.poll(POLL_SECONDS)) is not None:
            if message.error() is None:
                yield message
    finally:
        consumer.close()


def _type_of(message: Message) -> str:
    headers = dict(message.headers() or ())
    kind = headers.get("ce_type")
    return kind.decode("ascii") if isinstance(kind, bytes) else ""
