"""Who is let in, and as whom."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import APIRouter, Depends

from shared.api_keys import Token, new_token, operator_digest
from shared.http.app import service_app
from shared.http.callers import Callers, Operators
from tests.callers import ALL_OPERATORS, EVERYONE, KEYED_OPERATORS, OPERATOR, MemoryKeys, keyed


@pytest.fixture
def keys() -> MemoryKeys:
    return MemoryKeys()


@pytest.fixture
async def client(keys: MemoryKeys) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(keyed(keys)) as opened:
        yield opened


def client_of(callers: Callers) -> httpx2.AsyncClient:
    app = service_app("test", {}, operators=callers.operators, debug=False)
    router = APIRouter()
    router.add_api_route("/mine", callers.owner, response_model=str)
    router.add_api_route("/operators", nothing, dependencies=[Depends(callers.operators.admit)])
    app.include_router(router)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test")


async def nothing() -> None:
    """What an operator is shown here."""


async def test_a_key_stands_for_its_owner(keys: MemoryKeys, client: httpx2.AsyncClient) -> None:
    for owner in ("shop", "other"):
        assert (await client.get("/mine", headers=keys.make(owner))).json() == owner


async def test_without_a_key_the_answer_says_how_to_send_one(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/mine")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["type"] == "urn:pixelmill:problem:key-required"


async def test_a_revoked_key_is_worth_nothing(keys: MemoryKeys, client: httpx2.AsyncClient) -> None:
    header = keys.make("shop")
    keys.stored.clear()
    answer = await client.get("/mine", headers=header)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:pixelmill:problem:key-invalid")


@pytest.mark.parametrize("part", ["id", "secret", "form", "case"])
async def test_a_key_that_is_nearly_right_is_wrong(part: str, keys: MemoryKeys, client: httpx2.AsyncClient) -> None:
    right = keys.make("shop")["Authorization"].removeprefix("Bearer ")
    _, key_id, secret = right.split("_")
    wrong = {
        "id": f"pmk_{new_token().key_id}_{secret}",
        "secret": f"pmk_{key_id}_{new_token().text.split('_')[2]}",
        "form": right + "0",
        "case": right.upper(),
    }[part]
    answer = await client.get("/mine", headers={"Authorization": f"Bearer {wrong}"})
    assert answer.status_code == 401
    assert secret not in answer.text


async def test_the_operator_owns_nothing_and_sees_what_is_for_operators(
    keys: MemoryKeys, client: httpx2.AsyncClient
) -> None:
    assert (await client.get("/mine", headers=OPERATOR)).status_code == 403
    for path in ("/operators", "/metrics"):
        assert (await client.get(path, headers=OPERATOR)).status_code == 200
        assert (await client.get(path, headers=keys.make("shop"))).status_code == 403
        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, headers={"Authorization": "Bearer wrong"})).status_code == 401


async def test_without_an_operators_key_nobody_is_an_operator() -> None:
    async with client_of(Callers(MemoryKeys(), Operators("required", None))) as client:
        for header in ({}, {"Authorization": "Bearer None"}, {"Authorization": "Bearer "}):
            assert (await client.get("/metrics", headers=header)).status_code == 401


@pytest.mark.parametrize("key", ["sha256:", "sha256:" + 31 * "00", "sha256:" + 64 * "x"])
def test_a_digest_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        operator_digest(key)


async def test_with_authentication_off_everyone_is_local_and_an_operator() -> None:
    assert EVERYONE.operators is ALL_OPERATORS is not KEYED_OPERATORS
    async with client_of(EVERYONE) as client:
        assert (await client.get("/mine")).json() == "local"
        assert (await client.get("/operators")).status_code == 200


async def test_whether_it_lives_and_is_ready_may_be_asked_by_everyone(client: httpx2.AsyncClient) -> None:
    assert {(await client.get(path)).status_code for path in ("/healthz", "/readyz")} == {200}


def test_keys_differ_and_show_no_secret_by_accident() -> None:
    one, other = new_token(), new_token()
    assert one.text != other.text
    assert Token.parse(one.text) == one
    assert one.text not in f"{one!r} {one}"
