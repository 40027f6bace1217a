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

VALUE_BYTES: Final = "value-bytes"
"""How long the value was, where the letter holds only its beginning."""

UNDECODABLE: Final = "undecodable"

_KEPT_VALUE_BYTES: Final = 2_500_000
_KEPT_HEADER_BYTES: Final = 200_000
_KEPT_REASON: Final = 1000


def undecodable_letter(record: Record, reason: str) -> Encoded:
    """A record that cannot be decoded, with its origin and the reason. No value becomes an empty one.

    A value that was compressed may be larger than any letter: then its beginning is kept, and its length is said.
    Headers that are as large are left out.
    """
    value, headers = record.value or b"", record.headers
    if len(value) > _KEPT_VALUE_BYTES:
        headers = (*headers, (VALUE_BYTES, str(len(value)).encode()))
    if sum(len(name) + len(held or b"") for name, held in headers) > _KEPT_HEADER_BYTES:
        headers = ()
    origin: Headers = (
        (ORIGIN_TOPIC, record.topic.encode()),
        (ORIGIN_PARTITION, str(record.partition).encode()),
        (ORIGIN_OFFSET, str(record.offset).encode()),
        (ERROR_CODE, UNDECODABLE.encode()),
        (ERROR_MESSAGE, reason[:_KEPT_REASON].encode()),
    )
    return Encoded((record.key or b"")[:_KEPT_HEADER_BYTES], value[:_KEPT_VALUE_BYTES], headers + origin)
