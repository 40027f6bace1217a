"""Recorded examples of every event stay readable for ever; they are added to, never edited."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.events import EVENTS, Event
from shared.kafka.cloudevents import Undecodable, decode, encode
from shared.kafka.records import Record
from shared.topics import TOPICS

EXAMPLES = sorted(Path(__file__).with_name("examples").glob("*.json"))


def recorded(path: Path) -> dict[str, Any]:
    example: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return example


def as_record(example: dict[str, Any]) -> Record:
    headers = tuple((name, value.encode()) for name, value in example["headers"].items())
    return Record("t", 0, 0, example["key"].encode(), json.dumps(example["value"]).encode(), headers)


def parse(example: dict[str, Any]) -> Event:
    return decode(as_record(example), EVENTS).event


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_recorded_example_parses_and_says_the_same_again(path: Path) -> None:
    example = recorded(path)
    event = parse(example)
    assert json.loads(event.model_dump_json()) == example["value"]
    assert event.key == example["key"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_unknown_fields_are_ignored(path: Path) -> None:
    example = recorded(path)
    expected = parse(example)
    example["value"]["a_field_of_tomorrow"] = {"deep": [1, 2]}
    assert parse(example) == expected


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_id_of_a_replay_is_the_same(path: Path) -> None:
    example = recorded(path)
    again = encode(parse(example), source="pixelmill/example", now=datetime.now(UTC))
    assert dict(again.headers)["ce_id"].decode() == example["headers"]["ce_id"]


def test_every_event_has_an_example() -> None:
    assert {recorded(path)["headers"]["ce_type"] for path in EXAMPLES} == {event.TYPE for event in EVENTS}


def test_every_event_stands_in_a_topic_and_every_topic_is_named_once() -> None:
    assert {event for topic in TOPICS for event in topic.events} == set(EVENTS)
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"headers": {}}, "ce_specversion"),
        ({"headers": {"ce_specversion": "1.0", "ce_type": "other"}}, "does not belong in this topic"),
        ({"value": {"request_id": "r"}}, "not a valid chunk.advanced: request_id"),
        ({"value": {"request_id": "7c1f0c1e-4c39-4f5e-9a53-3f0f6a3f6a10"}}, "not a valid chunk.advanced: owner"),
    ],
)
def test_a_record_that_is_no_such_event_says_why(change: dict[str, Any], reason: str) -> None:
    [path] = [path for path in EXAMPLES if path.stem.startswith("chunk.advanced")]
    with pytest.raises(Undecodable, match=reason):
        decode(as_record(recorded(path) | change), EVENTS)


@pytest.mark.parametrize(
    "change",
    [
        {"indexes": [2**31]},
        {"indexes": [-1]},
        {"chunk": 2**31},
        {"attempts": 10**12},
        {"duration_ms": 2**31},
        {"request_id": "R"},
        {"error": {"code": "timeout", "message": "nul \0"}},
    ],
)
def test_what_no_column_holds_is_no_event(change: dict[str, Any]) -> None:
    [path] = [path for path in EXAMPLES if path.stem == "images.processed.v1"]
    example = recorded(path)
    with pytest.raises(Undecodable, match=r"not a valid images\.processed"):
        parse({**example, "value": {**example["value"], **change}})
