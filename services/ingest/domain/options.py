"""The options of a submission, as form fields or query parameters give them."""

import json
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, field_validator

from services.ingest.domain.csv_text import ENCODINGS, UTF_16, known_encoding
from shared.recipes import OutputFormat
from shared.request_files import Encoding

MAX_METADATA_BYTES: Final = 4096
# Far below what the readers of `request.json`, of events and of webhooks can take.
MAX_METADATA_DEPTH: Final = 32


class SubmitOptions(BaseModel):
    """What the submitter asked for; unknown names are refused, so that a typing error is noticed.

    Without `quality` and `format` the recipe says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    callback_url: str | None = Field(default=None, description="Webhook to call at the end")
    recipe: str = Field(default="default", description="Which renditions are made, by the name of the recipe")
    quality: int | None = Field(
        default=None, ge=1, le=95, description="Quality on the scale of JPEG encoders; without it the recipe's"
    )
    format: OutputFormat | None = Field(default=None, description="Format of the pictures; without it the recipe's")
    priority: Literal["normal", "low"] = Field(default="normal", description="Low goes behind everything else")
    on_invalid: Literal["reject", "keep"] = Field(
        default="reject", description="Whether rows that break a rule refuse the file, or are carried along"
    )
    failed_slots: Literal["keep_url", "empty"] = Field(
        default="keep_url", description="What stands in the output where an image failed"
    )
    encoding: Annotated[Encoding, WithJsonSchema({"type": "string"})] = Field(
        default="utf-8", description="Encoding of the file"
    )
    dry_run: bool = Field(default=False, description="Check the file, accept nothing")
    metadata: dict[str, Any] = Field(
        default_factory=dict, description="A JSON object of at most 4 kB that comes back in status, webhook and event"
    )

    @field_validator("encoding", mode="before")
    @classmethod
    def _encoding_is_known(cls, value: Any) -> Any:
        known = known_encoding(value) if isinstance(value, str) else value
        if known is None:
            raise ValueError(f"unknown encoding; known are {', '.join((*ENCODINGS, UTF_16))}")
        return known

    @field_validator("metadata", mode="before")
    @classmethod
    def _metadata_is_an_object(cls, value: Any) -> Any:
        return _json_object(value) if isinstance(value, str) else value


def _json_object(text: str) -> dict[str, Any]:
    """Parse metadata; what jsonb cannot hold (NUL, lone surrogates, NaN) and what is ambiguous is refused here."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_METADATA_BYTES:
        raise ValueError(f"more than {MAX_METADATA_BYTES} bytes")
    try:
        parsed = json.loads(text, object_pairs_hook=_without_doubles)
        written = json.dumps(parsed, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise ValueError("not a JSON text that can be kept, or a name stands twice in it") from error
    if not isinstance(parsed, dict):
        raise ValueError("must be a JSON object")
    if rb"\u0000" in written:
        raise ValueError("must not contain NUL characters")
    if _depth(parsed) > MAX_METADATA_DEPTH:
        raise ValueError(f"nested more than {MAX_METADATA_DEPTH} deep")
    return parsed


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _depth(value: Any) -> int:
    """How deep objects and lists are nested."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, (dict, list))]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth
