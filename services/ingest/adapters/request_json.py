"""A request as the jsonb of `ingest.requests` holds it: the content of request.json."""

from typing import Any

from shared.request_files import RequestFile


def to_json(request: RequestFile) -> dict[str, Any]:
    return request.model_dump(mode="json")


def from_json(document: dict[str, Any]) -> RequestFile:
    return RequestFile.model_validate(document)
