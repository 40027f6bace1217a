"""From a record of a dead letter topic to a letter. Strangers can write there, too, so every record makes one."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from services.aggregator.domain.dead_letter import (
    LARGEST_OFFSET,
    LARGEST_PARTITION,
    UNKNOWN_CODE,
    DeadLetter,
    DeadLetterKind,
    LetterId,
    Origin,
    RecordHeaders,
)
from shared.ids import RequestId
from shared.kafka.dead_letters import CUT, ERROR_CODE, ERROR_MESSAGE, ORIGIN_OFFSET, ORIGIN_PARTITION, ORIGIN_TOPIC
from shared.kafka.records import Record

LONGEST_CODE: Final = 100
LONGEST_MESSAGE: Final = 2000
LONGEST_TOPIC: Final = 249
LONGEST_LACK: Final = 200

_MARKS: Final = (ORIGIN_TOPIC, ORIGIN_PARTITION, ORIGIN_OFFSET, ERROR_CODE, ERROR_MESSAGE)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS: Final = 253_370_764_800_000  # 9999-01-01: what comes later is no date


def letter_of(record: Record, kind: DeadLetterKind) -> DeadLetter:
    """The letter that the record is. It fits its row, whatever the record holds."""
    kept, marks = _parted(record.headers)
    said = _identifiers(record)
    request_id = said.get("request_id")
    key, value = record.key or b"", record.value or b""
    return DeadLetter(
        id=LetterId(record.topic, record.partition, record.offset),
        kind=kind,
        at=_EPOCH + timedelta(milliseconds=min(max(record.timestamp_ms, 1), _LATEST_MS - 1)),
        code=_storable(marks.get(ERROR_CODE), LONGEST_CODE) or UNKNOWN_CODE,
        message=_storable(marks.get(ERROR_MESSAGE), LONGEST_MESSAGE),
        request_id=None if request_id is None else RequestId(request_id),
        subject={"image": request_id, "delivery": said.get("delivery_id")}.get(kind),
        origin=_origin(marks),
        key=key,
        value=value,
        headers=kept,
        key_bytes=len(key),
        value_bytes=len(value),
        lacks=_storable(marks.get(CUT), LONGEST_LACK) or None,
    )


def _parted(headers: Sequence[tuple[str, bytes | None]]) -> tuple[RecordHeaders, dict[str, bytes | None]]:
    """The headers of the record before it died, and those that made it a letter: the last of each name.

    A record that came from a retry tier had an origin of its own before.
    """
    places = {name: place for place, (name, _) in enumerate(headers) if name in _MARKS}
    # The mark `cut` stands behind the others, and rarely: before them it is a header of the record.
    if headers and headers[-1][0] == CUT and ERROR_MESSAGE in places:
        places[CUT] = len(headers) - 1
    kept = tuple(header for place, header in enumerate(headers) if place not in places.values())
    return kept, {name: headers[place][1] for name, place in places.items()}


def _origin(marks: dict[str, bytes | None]) -> Origin | None:
    topic = _storable(marks.get(ORIGIN_TOPIC), LONGEST_TOPIC)
    if not topic:
        return None
    partition = _number(marks.get(ORIGIN_PARTITION), LARGEST_PARTITION)
    return Origin(topic, partition, _number(marks.get(ORIGIN_OFFSET), LARGEST_OFFSET))


def _number(digits: bytes | None, largest: int) -> int | None:
    if digits is None or not digits.isdigit() or len(digits) > len(str(largest)):
        return None
    number = int(digits)
    return number if number <= largest else None


def _storable(text: bytes | None, longest: int) -> str:
    """As text that Postgres takes: it knows no NUL."""
    return (text or b"").decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")[:longest]


def _identifiers(record: Record) -> dict[str, str]:
    """The UUIDs that the value names, if it is JSON; the request may stand in the key instead."""
    try:
        value = json.loads(record.value or b"")
    except (ValueError, RecursionError):
        value = None
    fields = value if isinstance(value, dict) else {}
    in_key = (record.key or b"").decode("ascii", "replace").partition(":")[0]
    candidates = {"request_id": fields.get("request_id", in_key), "delivery_id": fields.get("delivery_id")}
    return {name: text for name, text in candidates.items() if isinstance(text, str) and _UUID.fullmatch(text)}
