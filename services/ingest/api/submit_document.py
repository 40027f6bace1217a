"""What the OpenAPI document says of a submission: its bodies and its options, which are read by hand."""

from typing import Any

from services.ingest.api.examples import ACCEPTED
from services.ingest.domain.options import SubmitOptions
from shared.http.callers import OWNERS_ONLY
from shared.http.documented_problems import problem_answers

_FILE = {"type": "string", "format": "binary"}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Submitting twice under one key is once: 1 to 255 visible ASCII characters.",
    "schema": {"type": "string", "maxLength": 255},
}

QUOTA_EXCEEDED = (
    "quota-exceeded",
    "A quota of this API key is used up; `quota` and `limit` say which, `Retry-After` when to come again. Or its owner "
    "has half of what this server takes at once under way (`too-many-uploads`).",
)


def answers() -> dict[int | str, dict[str, Any]]:
    """The answers to a submission."""
    return {
        200: {"description": "With `dry_run`: what was found, and an estimate. Nothing was accepted."},
        202: {
            "description": "Accepted. `Location` is the status.",
            "content": {"application/json": {"example": ACCEPTED}},
        },
        **problem_answers(
            {
                **OWNERS_ONLY,
                400: ("malformed-multipart", "The form, or the Idempotency-Key, cannot be read."),
                408: ("upload-too-slow", "The upload did not end in its time."),
                409: ("idempotency-key-in-use", "The first submission with this key is still under way."),
                413: ("too-large", "The upload is larger than this server takes."),
                415: ("unsupported-media-type", "The body is neither a form nor CSV."),
                422: ("invalid-csv", "The CSV or an option is not valid; `errors` lists why."),
                429: QUOTA_EXCEEDED,
            }
        ),
    }


def submission() -> dict[str, Any]:
    """Options as query parameters, and as fields of the form."""
    options = _options()
    form = {"type": "object", "required": ["file"], "properties": {"file": _FILE, **options}}
    return {
        "parameters": [
            IDEMPOTENCY_KEY,
            *(
                {"name": name, "in": "query", "description": schema["description"], "schema": schema}
                for name, schema in options.items()
            ),
        ],
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": form}, "text/csv": {"schema": _FILE}},
        },
    }


def _options() -> dict[str, dict[str, Any]]:
    schemas: dict[str, dict[str, Any]] = SubmitOptions.model_json_schema()["properties"]
    # It is given as JSON text.
    schemas["metadata"] = {"type": "string", "default": "{}", "description": schemas["metadata"]["description"]}
    return {name: {key: value for key, value in schema.items() if key != "title"} for name, schema in schemas.items()}
