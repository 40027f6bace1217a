"""`pixelmill cancel` and `retry`."""

import json

import pytest

from tests.scripted_server import Reply
from tests.unit.command.answers import accepted, status
from tests.unit.command.conftest import Command

CANCEL = "POST /v1/requests/r1/cancel"
RETRY = "POST /v1/requests/r0/retry"
STATUS = "GET /v1/requests/r1"


def cancelled(state: str) -> Reply:
    return Reply(202, {"request_id": "r1", "state": state, "links": {}})


def test_a_request_is_cancelled_and_where_its_end_is_seen_is_said(command: Command) -> None:
    command.server.on(CANCEL, cancelled("processing"))
    ended = command("cancel", "r1")
    assert (ended.exit_code, ended.stdout) == (0, "Cancelling r1. See its end: pixelmill status r1\n")


def test_a_request_that_was_cancelled_before_is_said_to_be(command: Command) -> None:
    command.server.on(CANCEL, cancelled("cancelled"))
    assert command("cancel", "r1").stdout == "r1 is cancelled.\n"


def test_the_answer_to_a_cancellation_is_printed_as_json(command: Command) -> None:
    command.server.on(CANCEL, cancelled("pending"))
    assert json.loads(command("cancel", "r1", "--json").stdout) == cancelled("pending").body


@pytest.mark.parametrize(("name", "call"), [("cancel", CANCEL), ("retry", "POST /v1/requests/r1/retry")])
@pytest.mark.parametrize("code", [404, 409])
def test_what_the_state_does_not_allow_is_an_error(command: Command, name: str, call: str, code: int) -> None:
    command.server.on(call, Reply(code, {"detail": "It cannot be done."}))
    ended = command(name, "r1")
    assert (ended.exit_code, ended.stderr) == (1, "REFUSED It cannot be done.\n")


def test_a_retry_is_a_new_request(command: Command) -> None:
    command.server.on(RETRY, accepted())
    ended = command("retry", "r0", "--idempotency-key", "once")
    assert ended.exit_code == 0
    assert "Accepted r1" in ended.stdout
    assert "pixelmill status r1 --watch" in ended.stdout
    assert command.server.asked[0].headers["idempotency-key"] == "once"


def test_a_retry_without_a_key_sends_none(command: Command) -> None:
    command.server.on(RETRY, accepted())
    assert json.loads(command("retry", "r0", "--json").stdout)["request_id"] == "r1"
    assert "idempotency-key" not in command.server.asked[0].headers


@pytest.mark.parametrize(("failed", "code"), [(0, 0), (1, 3)])
def test_a_watched_retry_leaves_as_the_new_request_does(command: Command, failed: int, code: int) -> None:
    command.server.on(RETRY, accepted())
    command.server.on(STATUS, status("completed", failed=failed))
    ended = command("retry", "r0", "--watch", "--json")
    assert (ended.exit_code, json.loads(ended.stdout)["request_id"]) == (code, "r1")


def test_a_server_that_is_away_is_told(command: Command) -> None:
    command.environment["PIXELMILL_URL"] = "http://127.0.0.1:1"
    assert [command(name, "r1").exit_code for name in ("cancel", "retry")] == [6, 6]
