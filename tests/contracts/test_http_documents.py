"""The OpenAPI documents and the Postman collection have every call, and the collection can be imported and run."""

import json
import re
from typing import Any

import pytest

from deploy.docs import ROOT
from deploy.openapi_document import SERVICES, openapi
from deploy.postman_document import postman_collection

COLLECTION: dict[str, Any] = json.loads((ROOT / "docs/postman.json").read_text("utf-8"))
WALK_THROUGH = (ROOT / "docs/api.md").read_text("utf-8")


def routes(service: str) -> set[str]:
    return {f"{method.upper()} {path}" for path, methods in openapi(service)["paths"].items() for method in methods}


@pytest.mark.parametrize("service", SERVICES)
def test_every_call_of_a_service_is_in_the_collection(service: str) -> None:
    [folder] = [folder for folder in COLLECTION["item"] if folder["name"] == service]
    assert {call["name"] for call in folder["item"]} == routes(service)


def test_every_variable_that_is_used_is_declared() -> None:
    used = set(re.findall(r"{{(\w+)}}", json.dumps(COLLECTION)))
    assert used <= {variable["key"] for variable in COLLECTION["variable"]}
    assert {f"{service}_url" for service in SERVICES} <= used


def test_a_request_is_submitted_before_it_is_asked_for_and_deleted_last() -> None:
    ingest = [call["name"] for call in COLLECTION["item"][0]["item"] if "/v1/requests" in call["name"]]
    assert (ingest[0], ingest[-1]) == ("POST /v1/requests", "DELETE /v1/requests/{request_id}")


def test_optional_parameters_are_there_and_switched_off() -> None:
    parameter = {"name": "limit", "in": "query", "schema": {"default": 50}}
    operation = {"summary": "List", "parameters": [parameter]}
    made = postman_collection({"ingest": {"paths": {"/v1/requests": {"get": operation}}}})
    [call] = made["item"][0]["item"]
    assert call["request"]["url"]["query"] == [{"key": "limit", "value": "50", "description": "", "disabled": True}]


@pytest.mark.parametrize(
    "route", sorted(route for service in SERVICES for route in routes(service) if " /v1/requests" in route)
)
def test_the_walk_through_shows_each_call(route: str) -> None:
    path = route.partition(" ")[2].removeprefix("/v1/requests").replace("{request_id}", "<request_id>")
    assert f'_PUBLIC_URL/v1/requests{path}"' in WALK_THROUGH or f"_PUBLIC_URL/v1/requests{path}?" in WALK_THROUGH
