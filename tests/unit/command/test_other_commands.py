"""`pixelmill status`, `download`, `deliveries`, `redeliver`."""

import json
from pathlib import Path

import pytest

from tests.scripted_server import Reply
from tests.unit.command.answers import status
from tests.unit.command.conftest import Command

STATUS = "GET /v1/requests/r1"
OUTPUT = "GET /v1/requests/r1/output.csv"
NOT_YET = Reply(404, {"type": "urn:pixelmill:problem:not-ended", "detail": "The request has not ended yet."})


def test_a_request_that_runs_is_no_failure(command: Command) -> None:
    command.server.on(STATUS, status("pending"))
    ended = command("status", "r1")
    assert ended.exit_code == 0
    assert ended.stdout.startswith("PENDING 0 %")


def test_the_exit_code_of_status_is_that_of_the_outcome(command: Command) -> None:
    command.server.on(STATUS, status("completed", failed=1))
    assert command("status", "r1").exit_code == 3
    assert command("status", "r1", "--watch").exit_code == 3


def test_an_unknown_request_is_an_error(command: Command) -> None:
    ended = command("status", "r1")
    assert ended.exit_code == 1
    assert ended.stderr == "REFUSED no such\n"


def test_download_saves_under_the_name_of_the_request(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command.server.on(OUTPUT, Reply(200, b"a,b\n", "text/csv"))
    ended = command("download", "r1")
    assert ended.exit_code == 0
    assert (tmp_path / "r1-output.csv").read_bytes() == b"a,b\n"


def test_download_to_standard_output_prints_nothing_else_there(command: Command) -> None:
    command.server.on(OUTPUT, Reply(200, b"a,b\n", "text/csv"))
    assert command("download", "r1", "--output", "-").stdout == "a,b\n"


def test_a_download_that_fails_leaves_what_was_there(command: Command, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("before", "utf-8")
    command.server.on(OUTPUT, NOT_YET)
    ended = command("download", "r1", "--output", target)
    assert ended.exit_code == 1
    assert ended.stderr == "REFUSED The request has not ended yet.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert target.read_text("utf-8") == "before"


def delivery(name: str, state: str, code: str | None, due: str | None = None) -> dict[str, object]:
    error = None if code is None else {"code": code, "message": "why"}
    attempt = {"n": 1, "at": "2026-03-01T12:00:00.000Z", "host": name, "status": 200, "error": error, "duration_ms": 5}
    known = {"delivery_id": f"d-{name}", "host": name, "state": state, "next_attempt_at": due}
    return {**known, "attempts": [attempt]}


def test_deliveries_that_failed_come_first(command: Command) -> None:
    items = [delivery("good.example", "delivered", None), delivery("bad.example", "failed", "timeout")]
    command.server.on("GET /v1/requests/r1/deliveries", Reply(200, {"items": items}))
    ended = command("deliveries", "r1")
    lines = ended.stdout.splitlines()
    assert ended.exit_code == 0
    assert lines[0] == "FAILED webhook to bad.example  d-bad.example"
    assert lines[1].endswith("timeout: why")
    assert lines[2] == "DELIVERED webhook to good.example  d-good.example"
    assert json.loads(command("deliveries", "r1", "--json").stdout)["items"] == items


def test_a_delivery_that_waits_says_when_it_is_tried_again(command: Command) -> None:
    items = [delivery("shop.example", "pending", "http_500", "2026-03-01T12:05:00.000Z")]
    command.server.on("GET /v1/requests/r1/deliveries", Reply(200, {"items": items}))
    assert command("deliveries", "r1").stdout.splitlines()[-1] == "  next attempt at 2026-03-01T12:05:00.000Z"


@pytest.mark.parametrize(("code", "exit_code"), [(None, 0), ("timeout", 1)])
def test_a_redelivery_that_fails_is_an_error(command: Command, code: str | None, exit_code: int) -> None:
    command.server.on("POST /v1/deliveries/d1/redeliver", Reply(200, delivery("x.example", "delivered", code)))
    assert command("redeliver", "d1").exit_code == exit_code
