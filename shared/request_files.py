"""The files that ingest writes beside the input: `request.json` and the manifest, both immutable."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.events import CarryOver, Lane, RequestAccepted, Timestamp
from shared.ids import Owner, RequestId
from shared.object_keys import request_object
from shared.recipes import Recipe

# ASCII means the same bytes in all of these but the last, so delimiters, quotes and line endings do too. The last is
# known by its byte order mark.
Encoding = Literal[
    "utf-8", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1257",
    "iso8859-1", "iso8859-2", "iso8859-5", "iso8859-9", "iso8859-15", "koi8-r", "euc_jp", "euc_kr",
    "utf-16",
]  # fmt: skip


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CsvShape(_Frozen):
    """How the input was written, so that the output can be written alike. Columns count from 0.

    Whoever reads the input relies on this: nothing else than what ingest knows can be read from a file.
    """

    encoding: Encoding = "utf-8"
    bom: bool = False
    delimiter: Literal[",", ";", "\t"] = ","
    line_ending: Literal["\n", "\r\n", "\r"] = "\n"
    columns: tuple[str, ...]
    serial_column: int = Field(ge=0)
    name_column: int = Field(ge=0)
    urls_column: int = Field(ge=0)


class RequestFile(_Frozen):
    """All that was agreed when the request was accepted; the truth that every service can fall back on."""

    request_id: RequestId
    owner: Owner
    retry_of: RequestId | None = None
    rows: int = Field(ge=0)
    images_total: int = Field(ge=0)
    chunks_total: int = Field(ge=0)
    chunk_size: int = Field(ge=1)
    window: int = Field(ge=1)
    lane: Lane
    accepted_at: Timestamp
    deadline_at: Timestamp
    recipe: Recipe
    csv: CsvShape
    on_invalid: Literal["reject", "keep"] = "reject"
    failed_slots: Literal["keep_url", "empty"] = "keep_url"
    callback_url: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)

    def accepted(self) -> RequestAccepted:
        """The event that announces this request."""
        return RequestAccepted(
            request_id=self.request_id,
            owner=self.owner,
            request_object=request_object(self.request_id),
            rows=self.rows,
            images_total=self.images_total,
            chunks_total=self.chunks_total,
            chunk_size=self.chunk_size,
            window=self.window,
            lane=self.lane,
            accepted_at=self.accepted_at,
            deadline_at=self.deadline_at,
        )

    def images_in_chunk(self, chunk: int) -> int:
        """How many images chunk `chunk` (from 0) holds; the last one may be smaller."""
        return min(self.chunk_size, self.images_total - chunk * self.chunk_size)


class ManifestImage(_Frozen):
    """One line of a manifest chunk: one image, in order of `index`.

    `row` counts data rows from 1, `line` counts physical lines of the file from 1, `slot` counts the URLs of the
    row from 0. With `carry_over` nothing is fetched: the image succeeded in an earlier request.
    """

    index: int = Field(ge=0)
    row: int = Field(ge=1)
    line: int = Field(ge=1)
    slot: int = Field(ge=0)
    serial_number: str
    product_name: str
    url: str
    carry_over: CarryOver | None = None
