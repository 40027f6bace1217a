"""CloudEvents 1.0 in binary mode over Kafka: attributes in `ce_*` headers, data as JSON in the value.

Source: CloudEvents 1.0.2, Kafka protocol binding, section 3.2; trace context as W3C `traceparent`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from shared.events import Event, rfc3339
from shared.ids import event_id
from shared.kafka.records import Received, Record

Headers = tuple[tuple[str, bytes], ...]

_CONTENT_TYPE = "application/json"


class Undecodable(Exception):
    """The record is not an event that may stand in its topic; the message says why."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Key, value and headers of a record that is to be written."""

    key: bytes
    value: bytes
    headers: Headers


def encode(event: Event, *, source: str, now: datetime, traceparent: str | None = None) -> Encoded:
    """Encode an event; equal facts get equal ids, whatever the time."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": event_id(event.TYPE, event.identity),
        "ce_source": source,
        "ce_type": event.TYPE,
        "ce_time": rfc3339(now),
        "content-type": _CONTENT_TYPE,
    }
    if traceparent is not None:
        headers["traceparent"] = traceparent
    encoded = tuple((name, value.encode()) for name, value in headers.items())
    return Encoded(event.key.encode(), event.model_dump_json().encode(), encoded)


def decode(record: Record, expected: Iterable[type[Event]]) -> Received[Event]:
    """Decode a record into one of the `expected` events, or raise `Undecodable`."""
    headers = _text(record.headers)
    models = {model.TYPE: model for model in expected}
    model = models.get(headers.get("ce_type", ""))
    if headers.get("ce_specversion") != "1.0":
        raise Undecodable("no CloudEvents 1.0 record: the header ce_specversion is not 1.0")
    if model is None:
        raise Undecodable(
            f"ce_type {headers.get('ce_type')!r} does not belong in this topic; expected {sorted(models)}"
        )
    if record.value is None:
        raise Undecodable("the record has no value")
    try:
        event = model.model_validate_json(record.value)
    except ValidationError as error:
        raise Undecodable(f"not a valid {model.TYPE}: {_first_problem(error)}") from error
    return Received(event, record.trigger, headers, record)


def _text(headers: Headers) -> dict[str, str]:
    try:
        return {name: value.decode() for name, value in headers if value is not None}
    except UnicodeDecodeError as error:
        raise Undecodable("a header is not UTF-8 text") from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"]) or "value"
    return f"{where}: {problem['msg']}"
