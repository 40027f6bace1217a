"""`/v1/keys`, for operators alone."""

import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from services.ingest.api.keys import keys_router
from services.ingest.made_keys import MadeKey, MadeKeys
from shared.api_keys import KeyId, Token, digest_of, new_token
from shared.http.app import service_app
from shared.http.callers import Operators
from shared.ids import Owner
from tests.callers import ALL_OPERATORS, KEYED_OPERATORS, OPERATOR, bearer
from tests.unit.ingest.fakes import NOON

ORDER = {"owner": "shop", "name": "nightly upload"}


class KeysInMemory:
    """Rows of keys, the oldest first."""

    def __init__(self) -> None:
        self.rows: dict[KeyId, MadeKey] = {}
        self.digests: dict[KeyId, bytes] = {}

    async def add(self, key: MadeKey, digest: bytes) -> None:
        self.rows[key.key_id], self.digests[key.key_id] = key, digest

    async def listed(self, owner: Owner | None) -> Sequence[MadeKey]:
        return [key for key in reversed(self.rows.values()) if owner in {None, key.owner}]

    async def revoke(self, key_id: KeyId, now: datetime) -> bool:
        if key_id not in self.rows:
            return False
        self.rows[key_id] = replace(self.rows[key_id], revoked_at=self.rows[key_id].revoked_at or now)
        return True


class Api:
    def __init__(self, operators: Operators = KEYED_OPERATORS) -> None:
        self.rows = KeysInMemory()
        self.now = NOON
        self.app = service_app("ingest", {}, operators=operators, debug=False)
        made_keys = MadeKeys(self.rows, now=lambda: self.now, new_token=new_token)
        self.app.include_router(keys_router(made_keys, operators))

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx2.AsyncClient]:
        transport = httpx2.ASGITransport(self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://ingest") as client:
            yield client

    async def ask(self, method: str, path: str = "", *, headers: Any = OPERATOR, **more: Any) -> httpx2.Response:
        async with self.client() as client:
            return await client.request(method, f"/v1/keys{path}", headers=headers, **more)

    async def made(self, **changes: Any) -> dict[str, Any]:
        answer = await self.ask("POST", json={**ORDER, **changes})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made


async def test_a_key_is_shown_once_and_kept_as_a_digest() -> None:
    api = Api()
    answer = await api.ask("POST", json={**ORDER, "quotas": {"rows_per_hour": 7}})
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    token = Token.parse(made.pop("key"))
    assert token is not None
    quotas = {"requests_per_hour": None, "rows_per_hour": 7, "bytes_per_hour": None, "requests_in_flight": None}
    assert made == {
        "key_id": token.key_id, **ORDER, "created_at": "2026-03-01T12:00:00.000Z", "revoked_at": None, "quotas": quotas
    }  # fmt: skip
    assert api.rows.digests == {token.key_id: digest_of(token.text)}
    listed = await api.ask("GET")
    assert listed.json() == {"items": [made]}
    assert listed.headers["cache-control"] == "no-store"


async def test_an_owner_may_have_several_keys_and_the_newest_comes_first() -> None:
    api = Api()
    first, second, other = await api.made(), await api.made(name="b"), await api.made(owner="other")
    assert len({first["key"], second["key"], other["key"]}) == 3
    listed = (await api.ask("GET", params={"owner": "shop"})).json()["items"]
    assert [key["key_id"] for key in listed] == [second["key_id"], first["key_id"]]


async def test_revoking_a_key_twice_changes_nothing() -> None:
    api = Api()
    key_id = (await api.made())["key_id"]
    for _ in range(2):
        answer = await api.ask("DELETE", f"/{key_id}")
        assert (answer.status_code, answer.headers["cache-control"]) == (204, "no-store")
        api.now += timedelta(hours=1)
    (listed,) = (await api.ask("GET")).json()["items"]
    assert listed["revoked_at"] == "2026-03-01T12:00:00.000Z"


@pytest.mark.parametrize("key_id", ["0123456789abcdef", "x", "%00", "0123456789ABCDEF"])
async def test_an_unknown_key_cannot_be_revoked(key_id: str) -> None:
    answer = await Api().ask("DELETE", f"/{key_id}")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:pixelmill:problem:unknown-key")


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"owner": "shop"},
        {**ORDER, "owner": "Shop"},
        {**ORDER, "owner": "shop\n"},
        {**ORDER, "owner": ""},
        {**ORDER, "owner": "a" * 65},
        {**ORDER, "owner": "-shop"},
        {**ORDER, "name": ""},
        {**ORDER, "name": "a\0b"},
        {**ORDER, "name": "a" * 101},
        {**ORDER, "name": "\ud800"},
        {**ORDER, "quotas": {"rows_per_hour": -1}},
        {**ORDER, "quotas": {"rows_per_hour": 2**63}},
        {**ORDER, "quotas": {"rows_per_hour": True}},
        {**ORDER, "quotas": {"rows_per_day": 1}},
        {**ORDER, "further": 1},
    ],
    ids=str,
)
async def test_an_order_that_is_not_valid_makes_no_key(order: dict[str, Any]) -> None:
    api = Api()
    headers = {**OPERATOR, "Content-Type": "application/json"}
    answer = await api.ask("POST", content=json.dumps(order), headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:pixelmill:problem:invalid-parameters")
    assert not api.rows.rows


@pytest.mark.parametrize("query", [{"owner": "Shop"}, {"owner": ""}, {"owner": "a\0"}, {"owners": "shop"}], ids=str)
async def test_a_list_of_what_makes_no_sense_is_refused(query: dict[str, str]) -> None:
    answer = await Api().ask("GET", params=query)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:pixelmill:problem:invalid-parameters")


@pytest.mark.parametrize(("headers", "status"), [({}, 401), (bearer(new_token()), 403)], ids=["nobody", "owner"])
@pytest.mark.parametrize(("method", "path"), [("POST", ""), ("GET", ""), ("DELETE", "/0123456789abcdef")])
async def test_others_than_operators_are_not_let_in(
    method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = await Api().ask(method, path, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (status, "urn:pixelmill:problem:operator-key-required")


async def test_with_authentication_off_keys_can_be_made_beforehand() -> None:
    answer = await Api(ALL_OPERATORS).ask("POST", headers={}, json=ORDER)
    assert answer.status_code == 201


async def test_logs_name_the_id_of_a_key_alone(caplog: pytest.LogCaptureFixture) -> None:
    api = Api()
    with caplog.at_level(logging.DEBUG):
        made = await api.made()
        await api.ask("DELETE", f"/{made['key_id']}")
    ours = [record for record in caplog.records if record.name.startswith("services.")]
    assert [record.getMessage() for record in ours] == ["API key made", "API key revoked"]
    assert all(made["key_id"] in str(vars(record)) for record in ours)
    assert all(made["key"] not in str(vars(record)) for record in caplog.records)
