"""`pixelmill webhook-secrets create`, `list`, `revoke`."""

import json

import pytest

from tests.scripted_server import Reply
from tests.unit.command.conftest import Command

SECRETS = "/v1/webhook-secrets"
MADE = {"secret_id": "s1", "secret": "whsec_AAAA", "created_at": "2026-03-01T12:00:00.000Z"}


@pytest.mark.checklist("N4")
def test_a_new_secret_stands_alone_on_standard_output(command: Command) -> None:
    command.server.on(f"POST {SECRETS}", Reply(201, MADE))
    ended = command("webhook-secrets", "create", "--overlap-seconds", "0")
    assert (ended.exit_code, ended.stdout) == (0, "whsec_AAAA\n")
    assert "whsec" not in ended.stderr
    assert json.loads(command.server.asked[0].body) == {"overlap_seconds": 0}
    command("webhook-secrets", "create")
    assert json.loads(command.server.asked[1].body) == {}


def test_secrets_are_listed_with_their_ends(command: Command) -> None:
    older = {"secret_id": "s0", "created_at": "2026-02-01T12:00:00.000Z", "expires_at": "2026-03-02T12:00:00.000Z"}
    newer = {"secret_id": "s1", "created_at": "2026-03-01T12:00:00.000Z", "expires_at": None}
    command.server.on(f"GET {SECRETS}", Reply(200, {"items": [newer, older]}), Reply(200, {"items": []}))
    assert command("webhook-secrets", "list").stdout.splitlines() == [
        "s1  made 2026-03-01T12:00:00.000Z  signs",
        "s0  made 2026-02-01T12:00:00.000Z  signs until 2026-03-02T12:00:00.000Z",
    ]
    assert command("webhook-secrets", "list").stdout == "You have made no webhook secret.\n"


def test_a_secret_is_revoked_by_its_id(command: Command) -> None:
    command.server.on(f"DELETE {SECRETS}/s1", Reply(204, b""))
    assert command("webhook-secrets", "revoke", "s1").stdout == "Revoked s1\n"
    assert command("webhook-secrets", "revoke", "s2").exit_code == 1
