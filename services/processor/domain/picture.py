"""What the codec hands to the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from shared.events import Note, SourceFacts

PictureFormat = Literal["jpeg", "png", "webp"]

EXTENSIONS: Final[dict[PictureFormat, str]] = {"jpeg": "jpg", "png": "png", "webp": "webp"}
CONTENT_TYPES: Final[dict[PictureFormat, str]] = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


class Content(Protocol):
    """Bytes that lie somewhere until they are read."""

    def read(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Rendered:
    """One rendition, made and not yet stored. `format` names what it is, whatever was asked for."""

    name: str
    format: PictureFormat
    width: int
    height: int
    bytes: int
    sha256: str
    content: Content


@dataclass(frozen=True, slots=True)
class CompressedPicture:
    """Everything that one decode of one source gave."""

    source: SourceFacts
    renditions: Sequence[Rendered]
    note: Note | None
