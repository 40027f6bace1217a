"""A Postman collection (format 2.1) of all calls, made from the services' OpenAPI documents.

Import it, and set the variables to what `pixelmill env` prints.
"""

from collections.abc import Iterator, Mapping
from typing import Any

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
DEFAULT_PORTS = {"ingest": 8081, "aggregator": 8082, "notifier": 8083}
KEPT_BETWEEN_CALLS = ("request_id", "delivery_id")
METHODS = ("post", "put", "patch", "get", "delete")
SUBMIT = ("post", "/v1/requests")
REMEMBER_THE_REQUEST = {
    "listen": "test",
    "script": {
        "type": "text/javascript",
        "exec": [
            "if (pm.response.code === 202) pm.collectionVariables.set('request_id', pm.response.json().request_id)"
        ],
    },
}
NOT_FOR_USERS = "operations"

Document = Mapping[str, Any]


def postman_collection(documents: Mapping[str, Document]) -> dict[str, Any]:
    """One folder a service; `documents` are its OpenAPI documents by the services' names."""
    return {
        "info": {
            "name": "Pixelmill",
            "description": "Every call of the HTTP interfaces. Set `api_key` where the servers want one.",
            "schema": SCHEMA,
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{api_key}}", "type": "string"}]},
        "variable": [*_addresses(documents), *_kept_between_calls()],
        "item": [{"name": service, "item": list(_calls(service, document))} for service, document in documents.items()],
    }


def _addresses(documents: Mapping[str, Document]) -> Iterator[dict[str, str]]:
    for service in documents:
        yield {"key": f"{service}_url", "value": f"http://127.0.0.1:{DEFAULT_PORTS[service]}"}


def _kept_between_calls() -> Iterator[dict[str, str]]:
    for name in ("api_key", *KEPT_BETWEEN_CALLS):
        yield {"key": name, "value": ""}


def _calls(service: str, document: Document) -> Iterator[dict[str, Any]]:
    """In an order in which they can all be run: users' calls by their paths, deletions, and those of operators."""
    routes = [
        (method, path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    for method, path, operation in sorted(routes, key=_place):
        call = {"name": f"{method.upper()} {path}", "request": _request(service, method, path, operation)}
        yield {**call, "event": [REMEMBER_THE_REQUEST]} if (method, path) == SUBMIT else call


def _place(route: tuple[str, str, Document]) -> tuple[bool, bool, str, int]:
    method, path, operation = route
    return NOT_FOR_USERS in operation.get("tags", ()), method == "delete", path, METHODS.index(method)


def _request(service: str, method: str, path: str, operation: Document) -> dict[str, Any]:
    request = {
        "method": method.upper(),
        "description": operation.get("description", operation.get("summary", "")),
        "header": _parameters(operation, "header"),
        "url": _url(service, path, operation),
    }
    content = operation.get("requestBody", {}).get("content", {})
    if "multipart/form-data" in content:
        request["body"] = {"mode": "formdata", "formdata": [{"key": "file", "type": "file", "src": []}]}
    elif "application/json" in content:
        request["body"] = {"mode": "raw", "raw": "{}", "options": {"raw": {"language": "json"}}}
    return request


def _url(service: str, path: str, operation: Document) -> dict[str, Any]:
    parts = [f":{part[1:-1]}" if part.startswith("{") else part for part in path.strip("/").split("/")]
    host = f"{{{{{service}_url}}}}"
    return {
        "raw": f"{host}/{'/'.join(parts)}",
        "host": [host],
        "path": parts,
        "query": _parameters(operation, "query"),
        "variable": [
            {"key": part[1:], "value": f"{{{{{part[1:]}}}}}" if part[1:] in KEPT_BETWEEN_CALLS else ""}
            for part in parts
            if part.startswith(":")
        ],
    }


def _parameters(operation: Document, place: str) -> list[dict[str, Any]]:
    """Optional ones are there, switched off."""
    return [
        {
            "key": parameter["name"],
            "value": _example(parameter.get("schema", {})),
            "description": parameter.get("description", ""),
            "disabled": not parameter.get("required", False),
        }
        for parameter in operation.get("parameters", ())
        if parameter["in"] == place
    ]


def _example(schema: Document) -> str:
    choices = [*schema.get("enum", ()), *(value for part in schema.get("anyOf", ()) for value in part.get("enum", ()))]
    value = schema.get("default", choices[0] if choices else "")
    return "" if value is None else str(value)
