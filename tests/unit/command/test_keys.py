"""`pixelmill keys create`, `list`, `revoke`; which key is sent, and what is said when it is the wrong one."""

import json
from pathlib import Path

import pytest

from pixelmill.borrowed_key import borrowed_servers
from pixelmill.server_addresses import operators_servers
from pixelmill.stack_display import who_is_let_in
from tests.ports import free_port
from tests.scripted_server import Reply
from tests.unit.command.conftest import Command
from tests.unit.command.test_server_addresses import RUNNING

KEYS = "GET /v1/keys"
LIST = "GET /v1/requests"
SECRET = f"pmk_{'0' * 16}_{'1' * 64}"
KEY = {
    "key_id": "0" * 16,
    "owner": "shop",
    "name": "nightly",
    "created_at": "2026-03-01T12:00:00.000Z",
    "revoked_at": None,
    "quotas": {"requests_per_hour": 5, "rows_per_hour": None, "bytes_per_hour": None, "requests_in_flight": 0},
}


def refused(status: int, kind: str) -> Reply:
    return Reply(status, {"type": f"urn:pixelmill:problem:{kind}", "status": status, "detail": "No."})


@pytest.mark.checklist("I14")
def test_a_new_key_stands_alone_on_standard_output(command: Command) -> None:
    command.server.on("POST /v1/keys", Reply(201, {**KEY, "key": SECRET}))
    command.server.on(LIST, refused(401, "key-required"))
    ended = command("keys", "create", "--owner", "shop", "--name", "nightly", "--requests-per-hour", "5")
    assert (ended.exit_code, ended.stdout) == (0, f"{SECRET}\n")
    assert SECRET not in ended.stderr
    assert "shown this once" in ended.stderr
    assert "PIXELMILL_API_KEY" in ended.stderr
    assert "AUTH=off" not in ended.stderr
    [order] = [json.loads(asked.body) for asked in command.server.asked if asked.method == "POST"]
    assert order == {"owner": "shop", "name": "nightly", "quotas": {"requests_per_hour": 5}}


def test_a_key_that_nobody_asks_for_is_said_to_be_one(command: Command) -> None:
    command.environment["PIXELMILL_OPERATOR_KEY"] = "the operator's"
    command.server.on("POST /v1/keys", Reply(201, {**KEY, "key": SECRET}))
    command.server.on(LIST, Reply(200, {"items": [], "next_cursor": None}))
    assert "AUTH=off" in command("keys", "create", "--owner", "shop").stderr
    sent = [asked.headers.get("authorization") for asked in command.server.asked]
    assert sent == ["Bearer the operator's", None]


@pytest.mark.parametrize("status", [403, 503])
def test_a_server_that_does_not_say_so_is_not_said_to_be_open(command: Command, status: int) -> None:
    command.server.on("POST /v1/keys", Reply(201, {**KEY, "key": SECRET}))
    command.server.on(LIST, refused(status, "part-away"))
    assert "AUTH=off" not in command("keys", "create", "--owner", "shop").stderr


def test_a_new_key_is_shown_though_another_server_is_down(command: Command) -> None:
    command.environment |= {
        "PIXELMILL_URL": None,
        "INGEST_PUBLIC_URL": command.server.url,
        "AGGREGATOR_PUBLIC_URL": f"http://127.0.0.1:{free_port()}",
        "NOTIFIER_PUBLIC_URL": command.server.url,
    }
    command.server.on("POST /v1/keys", Reply(201, {**KEY, "key": SECRET}))
    ended = command("keys", "create", "--owner", "shop")
    assert (ended.exit_code, ended.stdout) == (0, f"{SECRET}\n")
    assert "AUTH=off" not in ended.stderr


def test_keys_are_listed_with_quotas_of_their_own(command: Command) -> None:
    command.server.on(KEYS, Reply(200, {"items": [KEY]}))
    line = command("keys", "list", "--owner", "shop").stdout.splitlines()[1]
    assert line.startswith(f"{'0' * 16}  shop")
    assert line.endswith("nightly  (requests_per_hour 5, requests_in_flight unlimited)")
    assert command.server.asked[0].path == "/v1/keys?owner=shop"
    assert json.loads(command("keys", "list", "--json").stdout) == {"items": [KEY]}


def test_a_key_is_revoked_by_its_id(command: Command) -> None:
    command.server.on(f"DELETE /v1/keys/{'0' * 16}", Reply(204, b""))
    assert command("keys", "revoke", "0" * 16).stdout == f"Revoked {'0' * 16}\n"
    unknown = command("keys", "revoke", "1" * 16)
    assert (unknown.exit_code, unknown.stderr) == (1, "REFUSED no such\n")


@pytest.mark.parametrize(
    ("kind", "variable"),
    [
        ("key-required", "PIXELMILL_API_KEY"),
        ("key-invalid", "PIXELMILL_API_KEY"),
        ("owner-key-required", "PIXELMILL_API_KEY"),
        ("operator-key-required", "PIXELMILL_OPERATOR_KEY"),
    ],
)
@pytest.mark.parametrize("words", [("list",), ("keys", "list"), ("dead-letters", "list")], ids=" ".join)
def test_who_is_not_let_in_reads_in_one_line_which_variable_to_set(
    command: Command, words: tuple[str, ...], kind: str, variable: str
) -> None:
    for path in (LIST, KEYS, "GET /v1/dead-letters"):
        command.server.on(path, refused(401, kind))
    ended = command(*words)
    assert ended.exit_code == 1
    assert len(ended.stderr.splitlines()) == 1
    assert f"Set {variable} " in ended.stderr


def test_an_operator_sends_the_operators_key_and_others_their_own(command: Command) -> None:
    command.environment |= {"PIXELMILL_OPERATOR_KEY": "the operator's", "PIXELMILL_API_KEY": "the owner's"}
    command.server.on(LIST, Reply(200, {"items": []}))
    command.server.on(KEYS, Reply(200, {"items": []}))
    command("list")
    command("keys", "list")
    assert [asked.headers["authorization"] for asked in command.server.asked] == [
        "Bearer the owner's",
        "Bearer the operator's",
    ]


def test_the_stack_of_this_home_is_asked_with_its_own_operators_key_and_no_other_server_is() -> None:
    stack = {**RUNNING, "OPERATOR_KEY": "of the stack"}
    assert operators_servers({}, lambda: stack).api_key == "of the stack"
    assert operators_servers(RUNNING, lambda: stack).api_key == "of the stack"
    remote = {"PIXELMILL_URL": "https://mill.example", "PIXELMILL_API_KEY": "k"}
    assert operators_servers(remote, lambda: stack).api_key == "k"
    assert operators_servers({"INGEST_PUBLIC_URL": "http://other:9"}, lambda: stack).api_key is None
    assert operators_servers({"PIXELMILL_OPERATOR_KEY": "mine"}, lambda: stack).api_key == "mine"


def test_a_borrowed_key_is_revoked_at_the_end(command: Command) -> None:
    settings = {**dict.fromkeys(RUNNING, command.server.url), "OPERATOR_KEY": "of the stack", "AUTH": "required"}
    command.server.on("POST /v1/keys", Reply(201, {**KEY, "key": SECRET}))
    command.server.on(f"DELETE /v1/keys/{'0' * 16}", Reply(204, b""))
    with borrowed_servers(settings, name="demo") as found:
        assert found.api_key == SECRET
        assert [asked.method for asked in command.server.asked] == ["POST"]
    assert [asked.headers["authorization"] for asked in command.server.asked] == ["Bearer of the stack"] * 2
    assert command.server.asked[1].method == "DELETE"


def test_nothing_is_borrowed_where_nobody_is_asked_for_a_key(command: Command) -> None:
    settings = {**dict.fromkeys(RUNNING, command.server.url), "OPERATOR_KEY": "of the stack", "AUTH": "off"}
    with borrowed_servers(settings, name="demo") as found:
        assert found.api_key is None
    assert command.server.asked == []


def test_up_says_whether_keys_are_asked_for() -> None:
    assert "Authentication is off" in who_is_let_in({"AUTH": "off"})
    assert "keys create" in who_is_let_in({"AUTH": "required"})


def test_a_picture_is_fetched_by_its_signature_alone(command: Command, tmp_path: Path) -> None:
    command.environment["PIXELMILL_API_KEY"] = "the owner's"
    folder = tmp_path
    image = {"index": 0, "renditions": [{"url": "http://x/v1/images/0-a/0/compressed.jpg?s=1"}]}
    command.server.on("GET /v1/requests/r1/output.csv", Reply(200, b"a\n", "text/csv"))
    command.server.on("GET /v1/requests/r1/images", Reply(200, {"items": [image]}))
    moved = Reply(302, b"", headers={"Location": f"{command.server.url}/bucket/0?X-Amz-Signature=1"})
    command.server.on("GET /v1/images/0-a/0/compressed.jpg", moved)
    command.server.on("GET /bucket/0", Reply(200, b"picture", "image/jpeg"))
    ended = command("download", "r1", "--output", folder / "out.csv", "--images", folder / "all")
    assert ended.exit_code == 0, ended.stderr
    keys = {asked.path.split("?")[0]: asked.headers.get("authorization") for asked in command.server.asked}
    assert keys["/v1/requests/r1/images"] == "Bearer the owner's"
    assert keys["/v1/images/0-a/0/compressed.jpg"] is keys["/bucket/0"] is None
