"""Events of single images: requested, processed."""

from typing import ClassVar, Final, Literal

from pydantic import Field

from shared.events.base import LARGEST_INTEGER, Count, Event, Text, Value
from shared.ids import chunk_key, image_id
from shared.image_errors import ImageErrorCode
from shared.recipes import Recipe

LARGEST_OBJECT_BYTES: Final = 5 * 1024**4
"""What S3 takes as one object."""

Outcome = Literal["succeeded", "failed", "not_attempted"]
ProcessedOutcome = Literal["succeeded", "failed"]
Note = Literal["kept_original", "not_smaller", "carried_over"]


class ImageEvent(Event):
    """Carries the measures of its chunk, frozen when the request was accepted."""

    chunk: Count
    chunk_images: int = Field(ge=1, le=LARGEST_INTEGER)
    chunks_total: int = Field(ge=1)
    window: int = Field(ge=1)
    indexes: tuple[Count, ...] = Field(min_length=1)

    @property
    def identity(self) -> str:
        return image_id(self.request_id, self.indexes[0])


class CarriedRendition(Value):
    """A rendition that exists: its name in the recipe, and its object's key."""

    name: str
    key: str


class CarryOver(Value):
    """The renditions of an earlier request's image: they are copied instead of made again."""

    request_id: str
    index: int = Field(ge=0)
    renditions: tuple[CarriedRendition, ...] = ()


class ImageRequested(ImageEvent):
    """One distinct URL of a chunk is to be fetched; the result serves every index in `indexes`."""

    TYPE: ClassVar[str] = "images.requested"

    url: str
    recipe: Recipe
    carry_over: CarryOver | None = None

    @property
    def key(self) -> str:
        return self.identity


class ImageError(Value):
    """Why an image failed; `message` is safe to show to the request's owner."""

    code: ImageErrorCode
    message: Text


class SourceFacts(Value):
    """The fetched picture. Width and height are those of the stored file, before orientation is applied."""

    bytes: int = Field(ge=0, le=LARGEST_OBJECT_BYTES)
    format: Text
    width: int = Field(ge=1, le=LARGEST_INTEGER)
    height: int = Field(ge=1, le=LARGEST_INTEGER)
    sha256: Text


class StoredRendition(Value):
    """One output of an image, acknowledged by object storage."""

    name: Text
    key: Text
    format: Text
    width: int = Field(ge=1, le=LARGEST_INTEGER)
    height: int = Field(ge=1, le=LARGEST_INTEGER)
    bytes: int = Field(ge=1, le=LARGEST_OBJECT_BYTES)
    sha256: Text


class ImageProcessed(ImageEvent):
    """The result of one fetched URL, for every index in `indexes`."""

    TYPE: ClassVar[str] = "images.processed"

    outcome: ProcessedOutcome
    note: Note | None
    error: ImageError | None
    source: SourceFacts | None
    renditions: tuple[StoredRendition, ...]
    attempts: Count
    duration_ms: Count

    @property
    def key(self) -> str:
        return chunk_key(self.request_id, self.chunk)
