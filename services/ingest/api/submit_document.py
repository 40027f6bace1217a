"""What the OpenAPI document says of a submission: its bodies and its options, which are read by hand."""

from typing import Any

from services.ingest.domain.options import SubmitOptions

_FILE = {"type": "string", "format": "binary"}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Submitting twice under one key is once: 1 to 255 visible ASCII characters.",
    "schema": {"type": "string", "maxLength": 255},
}


def submission() -> dict[str, Any]:
    """Options as query parameters, and as fields of the form."""
    options = _options()
    form = {"type": "object", "required": ["file"], "properties": {"file": _FILE, **options}}
    return {
        "parameters": [
            _KEY,
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
