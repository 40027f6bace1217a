"""`pixelmill list` and `delete`; and one address for all servers."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.scripted_server import Reply
from tests.unit.command.answers import status
from tests.unit.command.conftest import Command

LIST = "GET /v1/requests"
DELETE = "DELETE /v1/requests/r1"


def page(*requests: dict[str, Any], cursor: str | None = None) -> Reply:
    return Reply(200, {"items": list(requests), "next_cursor": cursor})


def listed(name: str, state: str = "completed", *, failed: int = 0) -> dict[str, Any]:
    body: dict[str, Any] = status(state, failed=failed).body
    return {**body, "request_id": name, "submitted_at": "2026-03-01T12:00:00.000Z"}


def test_each_request_has_a_line_with_its_failures(command: Command) -> None:
    command.server.on(LIST, page(listed("r2", failed=2), listed("r1", "pending")))
    ended = command("list")
    head, second, first = ended.stdout.splitlines()
    assert ended.exit_code == 0
    assert head.split() == ["ID", "SUBMITTED", "STATE", "DONE", "FAILED", "IMAGES"]
    assert second.split() == ["r2", "2026-03-01T12:00:00.000Z", "completed", "100", "%", "2", "3"]
    assert first.split() == ["r1", "2026-03-01T12:00:00.000Z", "pending", "0", "%", "0", "3"]


def test_an_id_is_never_cut_however_narrow_the_terminal(command: Command) -> None:
    command.environment["COLUMNS"] = "40"
    name = "8558676f-3b51-428c-8a56-3bd0f0221138"
    command.server.on(LIST, page(listed(name)))
    assert name in command("list").stdout


def test_filters_are_those_of_the_server(command: Command) -> None:
    command.server.on(LIST, page())
    ended = command(
        "list", "--state", "failed", "--since", "2026-03-01", "--until", "2026-04-01T08:30:00+02:00", "--limit", "5"
    )
    assert parse_qs(urlsplit(command.server.asked[0].path).query) == {
        "state": ["failed"],
        "since": ["2026-03-01T00:00:00+00:00"],
        "until": ["2026-04-01T08:30:00+02:00"],
        "limit": ["5"],
    }
    assert ended.stdout == "There is no such request.\n"


def test_as_many_pages_are_read_as_the_limit_needs(command: Command) -> None:
    command.server.on(LIST, page(listed("r3"), listed("r2"), cursor="c1"), page(listed("r1"), cursor="c2"))
    ended = command("list", "--limit", "3", "--json")
    assert [item["request_id"] for item in json.loads(ended.stdout)["items"]] == ["r3", "r2", "r1"]
    assert [parse_qs(urlsplit(asked.path).query) for asked in command.server.asked] == [
        {"limit": ["3"]},
        {"limit": ["1"], "cursor": ["c1"]},
    ]


def test_that_there_are_more_is_said(command: Command) -> None:
    command.server.on(LIST, page(listed("r2"), cursor="c1"))
    assert "There are more" in command("list", "--limit", "1").stdout


@pytest.mark.parametrize("options", [["--state", "lost"], ["--limit", "0"], ["--since", "spring"]])
def test_wrong_filters_are_usage_errors(command: Command, options: list[str]) -> None:
    assert command("list", *options).exit_code == 2
    assert command.server.asked == []


def test_a_request_is_deleted(command: Command) -> None:
    command.server.on(DELETE, Reply(204, b""))
    assert command("delete", "r1").stdout == "Deleted r1\n"
    assert json.loads(command("delete", "r1", "--json").stdout) == {"request_id": "r1", "deleted": True}


def test_a_request_that_runs_is_not_deleted(command: Command) -> None:
    command.server.on(DELETE, Reply(409, {"detail": "The request is still running."}))
    ended = command("delete", "r1")
    assert (ended.exit_code, ended.stderr) == (1, "REFUSED The request is still running.\n")


def test_one_address_leads_to_every_service_even_below_a_path(command: Command) -> None:
    command.environment["PIXELMILL_URL"] = f"{command.server.url}/mill/"
    command.server.on("GET /mill/v1/requests/r1", status("completed"))
    command.server.on("GET /mill/v1/requests/r1/deliveries", Reply(200, {"items": []}))
    command.server.on("DELETE /mill/v1/requests/r1", Reply(204, b""))
    assert [command(name, "r1").exit_code for name in ("status", "deliveries", "delete")] == [0, 0, 0]
