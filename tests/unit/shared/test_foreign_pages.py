"""With authentication off: what web pages make a browser send, and names that lead to us."""

import httpx2
import pytest
from fastapi import APIRouter

from services.ingest.settings import IngestSettings
from shared.http.app import service_app
from shared.http.callers import Operators
from tests.callers import KEYED_OPERATORS

SETTINGS = IngestSettings(auth="off", http_host="mill.lan", aggregator_public_url="https://Mill.example/read")
FOREIGN = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
LINK = {**FOREIGN, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
OWN = Operators.of(SETTINGS)


async def ask(
    method: str = "POST",
    path: str = "/thing",
    *,
    host: str = "127.0.0.1:8081",
    headers: dict[str, str] | None = None,
    operators: Operators = OWN,
) -> httpx2.Response:
    app = service_app("test", {}, operators=operators, debug=False)
    router = APIRouter()
    for known in ("/thing", "/v1/images/{name}"):
        router.add_api_route(known, nothing, methods=["GET", "POST"])
    app.include_router(router)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:
        return await client.request(method, path, headers={"Host": host, **(headers or {})})


async def nothing() -> None:
    """What a caller gets here."""


def is_refused(answer: httpx2.Response) -> bool:
    if answer.status_code == 200:
        return False
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:pixelmill:problem:foreign-origin")
    return True


@pytest.mark.parametrize(
    "headers",
    [
        FOREIGN,
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:3000"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "null"},
        LINK,
    ],
    ids=["foreign", "site alone", "another port", "old browser", "old and another port", "sandbox", "form"],
)
async def test_what_a_page_of_somebody_else_sends_is_refused(headers: dict[str, str]) -> None:
    assert is_refused(await ask(headers=headers))


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://127.0.0.1:8081"}],
    ids=["no browser", "own page", "typed in", "own page, old browser"],
)
async def test_what_its_user_sends_is_taken(headers: dict[str, str]) -> None:
    assert not is_refused(await ask(headers=headers))


async def test_links_lead_here_and_pictures_stand_on_any_page() -> None:
    assert not is_refused(await ask("GET", headers=LINK))
    assert not is_refused(await ask("GET", "/v1/images/a.jpg", headers=FOREIGN))
    assert is_refused(await ask("POST", "/v1/images/a.jpg", headers=FOREIGN))
    assert is_refused(await ask("GET", headers={**LINK, "Sec-Fetch-Dest": "iframe"}))
    assert is_refused(await ask("GET", headers=FOREIGN))


@pytest.mark.parametrize(
    "host",
    [
        "localhost:8081",
        "LOCALHOST",
        "127.0.0.2:1",
        "[::1]:8081",
        "192.168.1.5",
        "mill.lan:80",
        "MILL.example:443",
        "processor:8080",
    ],
)
async def test_it_is_reached_by_its_addresses_and_its_public_names(host: str) -> None:
    assert not is_refused(await ask(host=host))


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8081", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::1"]
)
async def test_a_name_that_somebody_else_leads_here_is_refused_even_from_its_own_page(host: str) -> None:
    for headers in ({}, {"Sec-Fetch-Site": "same-origin", "Origin": f"http://{host}"}):
        for path in ("/thing", "/v1/images/a.jpg", "/metrics"):
            assert is_refused(await ask("GET", path, host=host, headers=headers))


async def test_where_keys_are_asked_for_any_name_and_page_will_do() -> None:
    assert not is_refused(await ask(host="any.example", headers=FOREIGN, operators=KEYED_OPERATORS))
