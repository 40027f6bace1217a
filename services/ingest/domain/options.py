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

    callback_url: str | None = None
    recipe: str = "default"
    quality: int | None = Field(default=None, ge=1, le=95)
    format: OutputFormat | None = None
    priority: Literal["normal", "low"] = "normal"
    on_invalid: Literal["reject", "keep"] = "reject"
    failed_slots: Literal["keep_url", "empty"] = "keep_url"
    encoding: str = "utf-8"
    dry_run: bool = False
    metadata: dict[str, Any] = Field(default_factory=dict)

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
