"""What is another owner's does not exist for a caller, on any route of any service.

The routes come from the OpenAPI documents: one that is added and names a request, a delivery or anything else must be
known here, or a test fails.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

import httpx2
import pytest
from fastapi import FastAPI

from deploy.openapi_document import SERVICES, openapi
from services.ingest.announcements import BackgroundAnnouncements
from services.ingest.api.cancel import cancel_router
from services.ingest.api.delete import delete_router
from services.ingest.cancel_request import CancelRequest
from services.ingest.delete_request import DeleteRequest
from services.notifier.courier import Answer
from shared.http.callers import Callers
from shared.ids import LOCAL_OWNER
from tests.callers import MemoryKeys, keyed
from tests.unit.aggregator.test_api import Stage
from tests.unit.ingest.fakes import NOON, REQUEST, RecordedFacts
from tests.unit.ingest.retrying import URLS, Retrying
from tests.unit.notifier.api import Api

NOBODYS: Final = "11111111-2222-4333-8444-555555555555"
BY_SIGNATURE: Final = ("/v1/images/{request_id}/{index}/{file}",)
"""Let everybody in who has the whole URL."""
BODIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "/v1/deliveries/redeliver": {"since": "2026-01-01T00:00:00Z", "until": "2026-12-31T00:00:00Z"},
}


class Route(NamedTuple):
    service: str
    method: str
    path: str

    def named(self, names: Mapping[str, str]) -> str:
        return re.sub(r"{(\w+)}", lambda found: names[found[1]], self.path)


class House(NamedTuple):
    """A service that holds something of the owner `local`, by the names that stand in paths."""

    app: FastAPI
    names: Mapping[str, str]

    async def ask(self, route: Route, headers: Mapping[str, str], names: Mapping[str, str]) -> httpx2.Response:
        transport = httpx2.ASGITransport(self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            return await client.request(route.method, route.named(names), json=BODIES.get(route.path))


async def ingest(callers: Callers) -> House:
    retrying = Retrying(callers=callers)
    facts = RecordedFacts()
    cancel = CancelRequest(
        retrying.rows, BackgroundAnnouncements(facts, retrying.rows, now=lambda: NOON), now=lambda: NOON
    )
    delete = DeleteRequest(retrying.rows, retrying.objects, facts, now=lambda: NOON)
    retrying.app.include_router(cancel_router(cancel, callers, URLS))
    retrying.app.include_router(delete_router(delete, callers))
    return House(retrying.app, {"request_id": REQUEST})


async def aggregator(callers: Callers) -> House:
    stage = Stage(callers)
    stage.assemble()
    return House(stage.app, {"request_id": REQUEST})


async def notifier(callers: Callers) -> House:
    api = Api(Answer(500, b""), Answer(200, b""), callers=callers)
    await api.deliver()
    secret = await api.secrets.make(LOCAL_OWNER, overlap=api.now - api.now)
    (delivery_id,), (endpoint_id,) = api.deliveries.kept, api.endpoints.kept
    names = {"request_id": REQUEST, "delivery_id": delivery_id, "endpoint_id": endpoint_id}
    return House(api.app, {**names, "secret_id": secret.secret_id})


HOUSES: Final[Mapping[str, Callable[[Callers], Awaitable[House]]]] = {
    "ingest": ingest,
    "aggregator": aggregator,
    "notifier": notifier,
}


def routes_of_owners() -> list[Route]:
    """Every route that wants an owner's key, or none although it should."""
    return [
        Route(service, method.upper(), path)
        for service in SERVICES
        for path, methods in openapi(service)["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/v1/") and path not in BY_SIGNATURE and not is_for_operators(operation)
        # A submission names nothing and lists nothing; it has tests of its own.
        if (service, method, path) != ("ingest", "post", "/v1/requests")
    ]


def is_for_operators(operation: Mapping[str, Any]) -> bool:
    refusals = operation["responses"].get("401", {}).get("content", {}).values()
    return any("operator-key-required" in refusal["example"]["type"] for refusal in refusals)


ROUTES: Final = routes_of_owners()
NAMING: Final = [route for route in ROUTES if "{" in route.path]
LISTING: Final = [route for route in ROUTES if "{" not in route.path]


def without(name: str, answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.text.replace(name, "")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.service} {route.method} {route.path}")
@pytest.mark.checklist("N16")
async def test_without_a_key_nothing_is_told(route: Route) -> None:
    house = await HOUSES[route.service](keyed(MemoryKeys()))
    assert (await house.ask(route, {}, house.names)).status_code == 401


@pytest.mark.parametrize("route", NAMING, ids=lambda route: f"{route.service} {route.method} {route.path}")
@pytest.mark.checklist("N16")
async def test_what_is_another_owners_does_not_exist_for_a_caller(route: Route) -> None:
    keys = MemoryKeys()
    owner, other = keys.make(LOCAL_OWNER), keys.make("other")
    house = await HOUSES[route.service](keyed(keys))
    nobodys = dict.fromkeys(house.names, NOBODYS)
    hidden = await house.ask(route, other, house.names)
    missing = await house.ask(route, other, nobodys)
    assert hidden.status_code == 404
    assert hidden.json()["type"].startswith("urn:pixelmill:problem:unknown-")
    (name,) = (house.names[part] for part in re.findall(r"{(\w+)}", route.path))
    assert without(name, hidden) == without(NOBODYS, missing), "there is a hint"
    assert (await house.ask(route, owner, house.names)).status_code not in {401, 403, 404}, "it is there for its owner"


@pytest.mark.parametrize("route", LISTING, ids=lambda route: f"{route.service} {route.method} {route.path}")
@pytest.mark.checklist("N16")
async def test_lists_have_nothing_of_another_owner(route: Route) -> None:
    keys = MemoryKeys()
    house = await HOUSES[route.service](keyed(keys))
    other = keys.make("other")
    answer = await house.ask(route, other, house.names)
    assert answer.is_success
    assert not [name for name in house.names.values() if name in answer.text]
