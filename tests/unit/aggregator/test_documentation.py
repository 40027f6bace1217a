"""What `/openapi.json` promises: clients and collections are made from it."""

from typing import Any

import pytest

from deploy.openapi_document import openapi

OPERATIONS = [
    pytest.param(service, path, method, id=f"{method} {path}")
    for service in ("aggregator", "notifier")
    for path, methods in openapi(service)["paths"].items()
    if path.startswith("/v1/")
    for method in methods
]


@pytest.mark.parametrize(("service", "path", "method"), OPERATIONS)
def test_every_route_tells_what_it_answers(service: str, path: str, method: str) -> None:
    operation: dict[str, Any] = openapi(service)["paths"][path][method]
    assert operation["summary"]
    assert operation["description"]
    good = [answer for status, answer in operation["responses"].items() if status[0] in "23"]
    assert good
    for status, answer in operation["responses"].items():
        assert answer["description"]
        if status[0] not in "23":
            assert "application/problem+json" in answer["content"]
            assert "HTTPValidationError" not in str(answer)


def test_answers_have_models() -> None:
    schemas = openapi("aggregator")["components"]["schemas"]
    assert {"RequestStatus", "RequestList", "ImageList", "ImageResult", "RequestLinks"} <= set(schemas)
