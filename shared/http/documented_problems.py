"""Problems in OpenAPI documents: which ones a route answers, and what they look like."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from shared.http.problems import MEDIA_TYPE, TYPE_PREFIX

_TEXT: Final = {"type": "string"}
_ERROR: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "row": {"type": ["integer", "null"]},
        "line": {"type": ["integer", "null"]},
        "column": {"type": ["string", "null"]},
        "code": _TEXT,
        "message": _TEXT,
    },
}
PROBLEM_SCHEMA: Final[Mapping[str, Any]] = {
    "title": "Problem",
    "description": "RFC 9457. `type` is stable; further members depend on it.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {**_TEXT, "examples": [f"{TYPE_PREFIX}unknown-request"]},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "errors": {"type": "array", "items": _ERROR},
        "errors_total": {"type": "integer"},
    },
}
_CONTENT: Final = {"schema": dict(PROBLEM_SCHEMA)}
_EVERYWHERE: Final[Mapping[int, tuple[str, str]]] = {
    503: ("part-away", "A part of the service is away for now; nothing was changed."),
}
_OTHERS: Final = "Any other problem. With `AUTH=off` calls of other web pages are 403, `foreign-origin`."

UNREADABLE_BODY: Final = {
    400: ("bad-request", "The body is no JSON in UTF-8."),
    413: ("too-large", "The body is larger than any that is taken here."),
}
"""What every route with a JSON body may answer."""


def problem_answers(problems: Mapping[int, tuple[str, str]]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route. `problems` gives kind and description by status; 503 and others always exist."""
    answers: dict[int | str, dict[str, Any]] = {
        status: _answer(status, *told) for status, told in sorted({**problems, **_EVERYWHERE}.items())
    }
    answers["default"] = {"description": _OTHERS, "content": {MEDIA_TYPE: _CONTENT}}
    return answers


def _answer(status: int, kind: str, description: str) -> dict[str, Any]:
    title = HTTPStatus(status).phrase
    example = {"type": TYPE_PREFIX + kind, "title": title, "status": status, "detail": description}
    return {
        "description": description,
        "content": {MEDIA_TYPE: {**_CONTENT, "example": example}},
    }
