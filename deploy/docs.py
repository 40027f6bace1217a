"""Writes the generated documents: JSON Schemas, AsyncAPI, OpenAPI, Postman, and tables of settings and of the
security checklist.

`make docs` writes them; a test holds the committed ones current.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.openapi_document import SERVICES, openapi
from deploy.postman_document import postman_collection
from deploy.security_checklist import with_checklist
from deploy.settings_table import with_settings_table
from shared.events import EVENTS
from shared.topics import TOPICS, Topic

ROOT = Path(__file__).resolve().parent.parent
VERSION = "1.0.0"


def json_schemas() -> dict[str, str]:
    """One JSON Schema for the value of each event, by path."""
    return {f"docs/contracts/schemas/{event.TYPE}.v1.json": _dump(_schema(event)) for event in EVENTS}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3 document of all topics."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Pixelmill",
            "version": VERSION,
            "description": "Topics and events. Values are JSON; CloudEvents 1.0 attributes are in `ce_*` headers "
            "(binary mode). Consumers ignore fields that they do not know and read with `read_committed`.",
        },
        "defaultContentType": "application/json",
        "channels": {_channel_id(topic): _channel(topic) for topic in TOPICS},
        "operations": {
            f"receive-{_channel_id(topic)}": {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{_channel_id(topic)}"},
                "summary": f"Read by: {', '.join(topic.readers)}.",
            }
            for topic in TOPICS
        },
        "components": {
            "messages": {event.TYPE: _message(event.TYPE) for event in EVENTS},
            "schemas": {"cloudEventHeaders": _headers_schema()},
        },
    }


def documents() -> dict[str, str]:
    """Every generated document by its path below the project's root."""
    readme = (ROOT / "README.md").read_text("utf-8")
    apis = {service: openapi(service) for service in SERVICES}
    return {
        **json_schemas(),
        "docs/contracts/asyncapi.json": _dump(asyncapi()),
        **{f"docs/contracts/openapi-{service}.json": _dump(document) for service, document in apis.items()},
        "docs/postman.json": _dump(postman_collection(apis)),
        "README.md": with_settings_table(readme),
        "docs/security.md": with_checklist((ROOT / "docs/security.md").read_text("utf-8"), ROOT),
    }


def main() -> None:
    for path, text in documents().items():
        target = ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")


def _schema(event: type[Any]) -> dict[str, Any]:
    schema: dict[str, Any] = event.model_json_schema(mode="serialization", by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _channel_id(topic: Topic) -> str:
    return topic.name.replace(".", "-")


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": f"Key: {topic.key}. Kept for {topic.kept.days} days. Written by: {', '.join(topic.writers)}.",
        "messages": {event.TYPE: {"$ref": f"#/components/messages/{event.TYPE}"} for event in topic.events},
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": topic.retention_ms},
            }
        },
    }


def _message(event_type: str) -> dict[str, Any]:
    return {
        "name": event_type,
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/cloudEventHeaders"},
        "payload": {"$ref": f"./schemas/{event_type}.v1.json"},
    }


def _headers_schema() -> dict[str, Any]:
    names = ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type", "traceparent")
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": list(names[:-1]),
    }


def _dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
