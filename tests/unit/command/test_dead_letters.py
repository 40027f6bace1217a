"""`pixelmill dead-letters list` and `replay`."""

import json
import os
import pty
import subprocess
import sys
from typing import Any

import pytest

from tests.scripted_server import Reply
from tests.unit.command.conftest import Command

LIST = "GET /v1/dead-letters"
REPLAY = "POST /v1/dead-letters/replay"


def letter(number: int, **changes: object) -> dict[str, object]:
    return {
        "id": f"images.dlt.v1:0:{number}",
        "kind": "image",
        "code": "http_5xx",
        "message": "The source answered 503.",
        "at": "2026-03-01T12:00:00.000Z",
        "request_id": "r1",
        "origin": {"topic": "images.requested.bulk.v1", "partition": 7, "offset": 4711},
        "payload": {"text": '{"request_id": "r1"}', "base64": False, "bytes": 20, "cut": False},
        "replayed_at": None,
        **changes,
    }


def listed(*letters: dict[str, object], cursor: str | None = None) -> Reply:
    group = {"kind": "image", "code": "http_5xx", "count": 9, "replayed": 2, "newest_at": "2026-03-01T12:00:00.000Z"}
    return Reply(200, {"groups": [group], "items": letters, "next_cursor": cursor})


def item(number: int, outcome: str = "replayed", **changes: object) -> dict[str, object]:
    action = {"action": "retry_request", "target": "r1"} if outcome in {"replayed", "would_replay"} else {}
    return {"id": f"images.dlt.v1:0:{number}", "outcome": outcome, **action, **changes}


def answered(*items: dict[str, object], **changes: object) -> Reply:
    body = {"dry_run": False, "fitting": len(items), "items": items, "next_cursor": None, "stopped": None}
    return Reply(200, {**body, **changes})


def bodies(command: Command) -> list[dict[str, Any]]:
    return [json.loads(asked.body) for asked in command.server.asked if asked.method == "POST"]


def test_groups_come_before_letters_with_their_origin_and_payload(command: Command) -> None:
    command.server.on(LIST, listed(letter(3)))
    ended = command("dead-letters", "list")
    assert ended.exit_code == 0
    assert ended.stdout.splitlines() == [
        "KIND          CODE                   LETTERS  REPLAYED  NEWEST",
        "image         http_5xx                     9         2  2026-03-01T12:00:00.000Z",
        "",
        "images.dlt.v1:0:3  image  http_5xx  The source answered 503.",
        "  request r1",
        "  at 2026-03-01T12:00:00.000Z from images.requested.bulk.v1/7/4711",
        '  20 bytes: {"request_id": "r1"}',
    ]


def test_what_strangers_wrote_moves_no_cursor(command: Command) -> None:
    payload = {"text": "\x1b[2J[red]" + "x" * 500, "bytes": 509}
    strange = letter(0, message="\x1b]0;\x07", origin=None, request_id=None, payload=payload, code="[bold]")
    command.server.on(LIST, listed(strange))
    shown = command("dead-letters", "list").stdout
    assert "\x1b" not in shown
    assert "[bold]" in shown
    assert "[red]x" in shown
    assert "x" * 161 not in shown


def test_lists_are_filtered_and_followed_over_pages(command: Command) -> None:
    command.server.on(LIST, listed(letter(2), cursor="c"), listed(letter(1)))
    ended = command("dead-letters", "list", "--kind", "image", "--code", "http_5xx", "--request", "r1", "--json")
    assert [each["id"][-1] for each in json.loads(ended.stdout)["items"]] == ["2", "1"]
    first, second = (asked.path for asked in command.server.asked)
    assert first == "/v1/dead-letters?kind=image&code=http_5xx&request_id=r1&limit=20"
    assert second.endswith("limit=19&cursor=c")


def test_nothing_there_is_said(command: Command) -> None:
    command.server.on(LIST, Reply(200, {"groups": [], "items": [], "next_cursor": None}))
    assert command("dead-letters", "list").stdout == "There is no such dead letter.\n"


def test_a_dry_run_asks_nobody_and_is_no_failure(command: Command) -> None:
    refused = item(2, "refused", code="request_gone", detail="The request was deleted.")
    command.server.on(REPLAY, answered(item(1, "would_replay"), refused, dry_run=True))
    ended = command("dead-letters", "replay", "--code", "http_5xx", "--kind", "image", "--dry-run")
    assert ended.exit_code == 0
    assert ended.stdout.splitlines() == [
        "NOT REPLAYED request_gone 1",
        "  images.dlt.v1:0:2: The request was deleted.",
        "Would replay 1 dead letters: 1 requests to retry.",
    ]
    assert bodies(command) == [{"code": "http_5xx", "kind": "image", "dry_run": True, "limit": 500}]


def test_letters_by_name_are_replayed_as_named(command: Command) -> None:
    command.server.on(REPLAY, answered(item(1), item(2)))
    ended = command("dead-letters", "replay", "images.dlt.v1:0:1", "images.dlt.v1:0:2", "--again", "--yes")
    assert (ended.exit_code, ended.stdout) == (0, "Replayed 2 dead letters: 1 requests to retry.\n")
    ids = ["images.dlt.v1:0:1", "images.dlt.v1:0:2"]
    assert bodies(command) == [{"ids": ids, "again": True, "dry_run": False}]


def test_what_one_call_leaves_the_next_one_takes(command: Command) -> None:
    command.server.on(REPLAY, answered(item(1), fitting=2, next_cursor="c"), answered(item(2), fitting=1))
    ended = command("dead-letters", "replay", "--request", "r1", "--yes", "--json")
    assert ended.exit_code == 0
    assert [each["id"][-1] for each in json.loads(ended.stdout)["items"]] == ["1", "2"]
    assert [(body.get("cursor"), body["limit"]) for body in bodies(command)] == [(None, 500), ("c", 500)]


def test_a_limit_ends_the_replay(command: Command) -> None:
    command.server.on(REPLAY, answered(item(1), fitting=9, next_cursor="c"))
    ended = command("dead-letters", "replay", "--code", "http_5xx", "--limit", "1", "--yes")
    assert ended.stdout.splitlines()[-1] == "8 more letters fit."
    assert [body["limit"] for body in bodies(command)] == [1]


@pytest.mark.parametrize("outcome", ["refused", "failed", "not_reached", "already_replayed"])
def test_a_letter_that_was_not_replayed_is_an_error(command: Command, outcome: str) -> None:
    command.server.on(REPLAY, answered(item(1), item(2, outcome)))
    assert command("dead-letters", "replay", "--code", "http_5xx", "--yes").exit_code == 1


def test_a_replay_that_was_stopped_is_not_gone_on_with(command: Command) -> None:
    command.server.on(REPLAY, answered(item(1), item(2, "failed"), next_cursor="c", stopped="kafka is away: no answer"))
    ended = command("dead-letters", "replay", "--code", "http_5xx", "--yes")
    assert (ended.exit_code, len(bodies(command))) == (1, 1)
    assert ended.stderr == "STOPPED kafka is away: no answer\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--yes"],
        ["--kind", "image", "--yes"],
        ["l", "--code", "c", "--yes"],
        ["--code", "c", "--request", "r", "--yes"],
        ["l", "--kind", "image", "--yes"],
        ["--code", "c", "--again", "--yes"],
        ["--code", "c"],
        ["--code", "c", "--json"],
    ],
)
def test_an_order_that_is_not_clear_is_a_wrong_usage_and_asks_no_server(command: Command, arguments: list[str]) -> None:
    assert command("dead-letters", "replay", *arguments).exit_code == 2
    assert command.server.asked == []


def test_a_refusal_of_the_server_is_an_error(command: Command) -> None:
    command.server.on(REPLAY, Reply(409, {"type": "urn:pixelmill:problem:replay-running", "detail": "Wait."}))
    ended = command("dead-letters", "replay", "--code", "c", "--yes")
    assert (ended.exit_code, ended.stderr) == (1, "REFUSED Wait.\n")


@pytest.mark.parametrize(("said", "exit_code", "runs"), [(b"y\n", 0, [True, False]), (b"n\n", 1, [True])])
def test_whoever_sits_there_is_shown_what_would_be_done_and_asked(
    command: Command, said: bytes, exit_code: int, runs: list[bool]
) -> None:
    command.server.on(REPLAY, answered(item(1, "would_replay"), dry_run=True), answered(item(1)))
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PIXELMILL_URL": command.server.url}
    words = [sys.executable, "-m", "pixelmill", "dead-letters", "replay", "--code", "c"]
    try:
        os.write(ours, said)
        ended = subprocess.run(words, stdin=theirs, capture_output=True, env=environment, timeout=60, check=False)
    finally:
        os.close(ours)
        os.close(theirs)
    assert ended.returncode == exit_code, ended.stderr
    assert ended.stdout.startswith(b"Would replay 1 dead letters")
    assert [body["dry_run"] for body in bodies(command)] == runs
