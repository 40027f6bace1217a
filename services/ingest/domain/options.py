"""The options of a submission, as form fields or query parameters give them."""

import json
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from services.ingest.domain.csv_text import ENCODINGS, UTF_16, known_encoding
from shared.recipes import OutputFormat

MAX_METADATA_BYTES: Final = 4096


class SubmitOptions(BaseModel):
    """What the submitter asked for; unknown names are refused, so that a typing error is noticed.

    Without `quality` and `format` the recipe says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    callback_url: str | None = Field(default=None, description="Webhook to call at the end")
    recipe: str = Field(default="default", description="Which renditions are made, by the name of the recipe")
    quality: int | None = Field(default=None, ge=1, le=95, description="Encoder quality; without it the recipe's")
    format: OutputFormat | None = Field(default=None, description="Format of the pictures; without it the recipe's")
    priority: Literal["normal", "low"] = Field(default="normal", description="Low goes behind everything else")
    on_invalid: Literal["reject", "keep"] = Field(
        default="reject", description="Whether rows that break a rule refuse the file, or are carried along"
    )
    failed_slots: Literal["keep_url", "empty"] = Field(
        default="keep_url", description="What stands in the output where an image failed"
    )
    encoding: str = Field(default="utf-8", description="Encoding of the file")
    dry_run: bool = Field(default=False, description="Check the file, accept nothing")
    metadata: dict[str, Any] = Field(
        default_factory=dict, description="A JSON object of at most 4 kB that comes back in status, webhook and event"
    )

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, value: str) -> str:
        known = known_encoding(value)
        if known is None:
            raise ValueError(f"unknown encoding; known are {', '.join((*ENCODINGS, UTF_16))}")
        return known

    @field_validator("metadata", mode="before")
    @classmethod
    def _metadata_is_an_object(cls, value: Any) -> Any:
        return _json_object(value) if isinstance(value, str) else value


def _json_object(text: str) -> dict[str, Any]:
    """Parse metadata; what jsonb cannot hold (NUL, lone surrogates, NaN) is refused here."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_METADATA_BYTES:
        raise ValueError(f"more than {MAX_METADATA_BYTES} bytes")
    try:
        parsed = json.loads(text)
        written = json.dumps(parsed, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise ValueError("not a JSON text that can be kept") from error
    if not isinstance(parsed, dict):
        raise ValueError("must be a JSON object")
    if rb"\u0000" in written:
        raise ValueError("must not contain NUL characters")
    return parsed
