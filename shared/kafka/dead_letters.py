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

CUT: Final = "cut"
"""Names what of the record did not fit into its letter: `key`, `headers`, `value`, with the bytes that each had."""

UNDECODABLE: Final = "undecodable"

_KEPT_VALUE_BYTES: Final = 2_500_000
_KEPT_KEY_BYTES: Final = 100_000
_KEPT_HEADER_BYTES: Final = 200_000
_KEPT_REASON: Final = 1000


def undecodable_letter(record: Record, reason: str) -> Encoded:
    """A record that cannot be decoded, with its origin and the reason. No value becomes an empty one.

    A record that was compressed may be larger than any letter: then the beginnings of its value and key are kept,
    headers that are too many are left out, and the header `cut` says so.
    """
    key, value, headers = record.key or b"", record.value or b"", record.headers
    cut: list[str] = []
    if len(key) > _KEPT_KEY_BYTES:
        cut.append(f"key={len(key)}")
    if (size := sum(len(name) + len(held or b"") for name, held in headers)) > _KEPT_HEADER_BYTES:
        cut.append(f"headers={size}")
        headers = ()
    if len(value) > _KEPT_VALUE_BYTES:
        cut.append(f"value={len(value)}")
    origin: Headers = (
        (ORIGIN_TOPIC, record.topic.encode()),
        (ORIGIN_PARTITION, str(record.partition).encode()),
        (ORIGIN_OFFSET, str(record.offset).encode()),
        (ERROR_CODE, UNDECODABLE.encode()),
        (ERROR_MESSAGE, reason[:_KEPT_REASON].encode()),
        *(((CUT, ",".join(cut).encode()),) if cut else ()),
    )
    return Encoded(key[:_KEPT_KEY_BYTES], value[:_KEPT_VALUE_BYTES], headers + origin)
