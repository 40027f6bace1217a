"""What strangers read when something of ours is broken: no address, no trace, no secret; and what settings print."""

import inspect
import json
from collections.abc import Callable
from typing import Any, Self, get_args

import httpx2
import pytest
from fastapi import APIRouter
from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings

from deploy.openapi_document import SERVICES as HTTP_SERVICES
from deploy.openapi_document import router_makers
from deploy.settings_table import SERVICES
from shared.errors import DependencyAway
from shared.http.app import service_app
from tests.callers import ALL_OPERATORS, EVERYONE, KEYED_OPERATORS, OPERATOR

SECRET = "a-password-that-nobody-may-read-anywhere"
LEAK = f"postgresql://pixelmill:{SECRET}@db.internal.example:5432 ('10.1.2.3', 9092) /opt/pixelmill/shared/postgres.py"
TELLTALES = (SECRET, "internal.example", "10.1.2.3", "Traceback", ".py", "asyncpg", "RuntimeError", "shared.")
ERRORS: list[Exception] = [DependencyAway("postgres", LEAK), RuntimeError(LEAK)]
REQUEST = "8e9c0f6e-1111-4222-8333-444455556666"


class Broken:
    """Stands where a router wants a port: whatever it is asked, it raises."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, _name: str) -> Self:
        return self

    def __call__(self, *_: object, **__: object) -> Any:
        raise self._error


def broken_app(service: str, error: Exception) -> Any:
    async def probe() -> None:
        raise error

    app = service_app(service, {"postgres": probe}, operators=KEYED_OPERATORS, debug=False)
    for make_router in router_makers(service):
        app.include_router(make_router(**broken_ports(make_router, error)))
    return app


def broken_ports(make_router: Callable[..., APIRouter], error: Exception) -> dict[str, Any]:
    known = {"callers": EVERYONE, "operators": ALL_OPERATORS}
    return {name: known.get(name, Broken(error)) for name in inspect.signature(make_router).parameters}


def calls(app: Any) -> list[tuple[str, str]]:
    """Every method and path, with ids that could exist."""
    paths: dict[str, dict[str, Any]] = app.openapi()["paths"]
    return [
        (method.upper(), path.replace("{request_id}", REQUEST).replace("{index}", "0").replace("{file}", "a.jpg"))
        for path, operations in paths.items()
        for method in operations
    ]


def client_of(app: Any) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://test")


@pytest.mark.checklist("N16")
@pytest.mark.parametrize("error", ERRORS, ids=["away", "bug"])
@pytest.mark.parametrize("service", HTTP_SERVICES)
async def test_no_answer_of_a_service_whose_parts_are_broken_tells_more_than_that(
    service: str, error: Exception
) -> None:
    app = broken_app(service, error)
    refused = 0
    async with client_of(app) as client:
        for method, path in calls(app):
            answer = await client.request(method, path, content=b"a,b\n", headers={"Content-Type": "text/csv"})
            told = answer.text + str(answer.headers)
            assert not [word for word in TELLTALES if word in told], (method, path, told)
            assert answer.headers["x-content-type-options"] == "nosniff"
            if answer.status_code >= 400 and path != "/readyz":
                refused += 1
                assert answer.headers["content-type"] == "application/problem+json", (method, path)
    assert refused >= 3


@pytest.mark.checklist("N16")
async def test_only_an_operator_is_told_why_a_part_is_away() -> None:
    async with client_of(broken_app("ingest", ERRORS[0])) as client:
        stranger, operator = await client.get("/readyz"), await client.get("/readyz", headers=OPERATOR)
    assert (stranger.status_code, stranger.json()["parts"]) == (503, {"postgres": "away"})
    assert operator.json()["parts"] == {"postgres": LEAK}


@pytest.mark.checklist("N16")
async def test_only_a_deployment_for_development_tells_what_went_wrong_inside() -> None:
    app = service_app("test", {}, operators=ALL_OPERATORS, debug=True)

    @app.get("/away")
    async def away() -> None:
        raise ERRORS[0]

    async with client_of(app) as client:
        assert LEAK in (await client.get("/away")).json()["debug"]


def is_secret(annotation: Any) -> bool:
    return SecretStr in {annotation, *get_args(annotation)}


@pytest.mark.checklist("N4", "N16")
@pytest.mark.parametrize("model", SERVICES.values(), ids=SERVICES.keys())
def test_settings_print_no_secret(model: type[BaseSettings]) -> None:
    secrets = [name for name, field in model.model_fields.items() if is_secret(field.annotation)]
    values: dict[str, Any] = {name: SecretStr(SECRET) for name in secrets}
    settings = model.model_construct(**values)
    assert len(secrets) >= 3
    for printed in (repr(settings), str(settings), json.dumps(settings.model_dump(), default=str)):
        assert SECRET not in printed


@pytest.mark.checklist("N16")
@pytest.mark.parametrize("model", SERVICES.values(), ids=SERVICES.keys())
def test_a_secret_that_is_refused_is_not_repeated(model: type[BaseSettings]) -> None:
    wrong: dict[str, Any] = {"operator_key": "too short 17", "webhook_secret": SECRET, "http_port": SECRET}
    with pytest.raises(ValidationError) as refused:
        model(**wrong)
    shown = str(refused.value) + str(refused.value.errors(include_url=False, include_input=False))
    assert SECRET not in shown
    assert "too short 17" not in shown


@pytest.mark.checklist("N16")
def test_a_setting_that_sounds_like_a_secret_is_kept_as_one() -> None:
    plain = {
        name
        for model in SERVICES.values()
        for name, field in model.model_fields.items()
        if name.endswith(("_key", "_secret", "_password", "database_url")) and not is_secret(field.annotation)
    }
    assert plain == set()
