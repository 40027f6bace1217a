"""Logs: one JSON line a record, and no flood from libraries."""

import json
import logging
import sys

from shared.logs import JsonLines, OnceInAWhile


def record(name: str, message: str, *args: object, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.WARNING, "file.py", 1, message, args, None)
    vars(made).update(fields)
    return made


def test_a_line_has_a_constant_message_and_its_fields() -> None:
    line = json.loads(JsonLines("ingest").format(record("services.ingest", "request accepted", rows=3)))
    assert (line["message"], line["rows"], line["level"], line["process"]) == (
        "request accepted",
        3,
        "WARNING",
        "ingest",
    )
    assert line["time"].endswith("Z")


def test_an_error_stays_on_its_line() -> None:
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        failed = record("services.ingest", "bug")
        failed.exc_info = sys.exc_info()
    assert "\n" not in (text := JsonLines("ingest").format(failed))
    assert "ValueError" in json.loads(text)["error"]


def test_a_library_repeats_itself_once_in_a_while_and_our_own_words_always_pass() -> None:
    now = [0.0]
    quiet = OnceInAWhile(now=lambda: now[0])
    noise = record("aiokafka.conn", "cannot reach %s", "127.0.0.1")
    assert [bool(quiet.filter(noise)) for _ in range(3)] == [True, False, False]
    now[0] = 31.0
    assert quiet.filter(noise)
    assert all(quiet.filter(record("services.ingest", "again")) for _ in range(3))
