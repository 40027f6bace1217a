"""What an object of a rendition says of itself, so that a later request can take it over without decoding it.

The facts are metadata of the object: ASCII, one short entry each, and the version of this layout. A new entry is free;
a changed one is a new version, and what has another version is not taken over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from services.processor.domain.picture import EXTENSIONS, Rendered
from shared.events import SourceFacts, StoredRendition

VERSION_ENTRY: Final = "facts-version"
VERSION: Final = "1"
_SOURCE: Final = "source-"
_RENDITION_ENTRIES: Final = ("format", "width", "height", "bytes", "sha256")
_SOURCE_ENTRIES: Final = ("bytes", "format", "width", "height", "sha256")


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """A stored rendition and the source it was made of."""

    rendition: StoredRendition
    source: SourceFacts


def as_metadata(rendered: Rendered, source: SourceFacts) -> dict[str, str]:
    """The entries to store with a rendition."""
    entries = {VERSION_ENTRY: VERSION}
    entries |= {name: str(getattr(rendered, name)) for name in _RENDITION_ENTRIES}
    return entries | {_SOURCE + name: str(getattr(source, name)) for name in _SOURCE_ENTRIES}


def from_metadata(entries: Mapping[str, str], *, name: str, key: str) -> ObjectFacts | None:
    """Read the entries of the object `key`, as the rendition `name`; None when they are not those of this version."""
    if entries.get(VERSION_ENTRY) != VERSION or entries.get("format") not in EXTENSIONS:
        return None
    try:
        rendition = StoredRendition.model_validate(
            {"name": name, "key": key} | {entry: entries.get(entry) for entry in _RENDITION_ENTRIES}
        )
        source = SourceFacts.model_validate({entry: entries.get(_SOURCE + entry) for entry in _SOURCE_ENTRIES})
    except ValidationError:
        return None
    return ObjectFacts(rendition, source)
