"""Dead letters: a record with its bytes and headers, where it came from, and why nobody can do anything with it."""

from typing import Final

from shared.kafka.cloudevents import Encoded, Headers
from shared.kafka.records import Record

ORIGIN_TOPIC: Final = "origin-topic"
ORIGIN_PARTITION: Final = "origin-partition"
ORIGIN_OFFSET: Final = "origin-offset"
ERROR_CODE: Final = "error-code"
ERROR_MESSAGE: Final = "error-message"
REPLAYED_FROM: Final = "replayed-from"
"""Stands in a record that was a dead letter before: `topic/partition/offset` of that letter."""

UNDECODABLE: Final = "undecodable"


def undecodable_letter(record: Record, reason: str) -> Encoded:
    """A record that cannot be decoded, with its origin and the reason. No value becomes an empty one."""
    origin: Headers = (
        (ORIGIN_TOPIC, record.topic.encode()),
        (ORIGIN_PARTITION, str(record.partition).encode()),
        (ORIGIN_OFFSET, str(record.offset).encode()),
        (ERROR_CODE, UNDECODABLE.encode()),
        (ERROR_MESSAGE, reason.encode()),
    )
    return Encoded(record.key or b"", record.value or b"", record.headers + origin)
