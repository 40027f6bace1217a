"""An output of ours that is posted back: which slots have succeeded before, and where their pictures are.

The names of the columns and the way cells are written are those of the output CSV.
"""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Final

from services.ingest.domain.csv_rules import normalised
from shared.events import CarriedRendition, CarryOver
from shared.formula_cells import restored

OUTPUT_COLUMN: Final = "Output Image URLs"
STATUSES_COLUMN: Final = "Image Statuses"

PictureKey = Callable[[str], str | None]
"""The object key behind a picture URL whose signature is ours; None for any other URL."""

_MARKS: Final = frozenset({normalised(OUTPUT_COLUMN), normalised(STATUSES_COLUMN)})
_FURTHER: Final = re.compile(rf"{re.escape(normalised(OUTPUT_COLUMN))} \(.*\)")
_SUCCEEDED: Final = re.compile(r"\s*succeeded(?![a-z_])", re.IGNORECASE)
_KEY: Final = re.compile(r"(?P<request_id>[^/]+)/(?P<index>[0-9]{1,9})/(?P<rendition>[a-z][a-z0-9_]*)\.[a-z]+")


def output_places(columns: Sequence[str], *, needed: Collection[int]) -> frozenset[int]:
    """Where the output columns stand; nothing when the file is no output of ours.

    `needed` are the places that the request is read from: these are no output, whatever a deployer's rules call them.
    """
    names = {place: normalised(name) for place, name in enumerate(columns) if place not in needed}
    if not set(names.values()) >= _MARKS:
        return frozenset()
    return frozenset(place for place, name in names.items() if name in _MARKS or _FURTHER.fullmatch(name))


class EarlierOutputs:
    """Reads the output columns of rows. A slot is carried over when every rendition of the recipe is there."""

    def __init__(self, columns: Sequence[str], *, renditions: Sequence[str], picture_key: PictureKey) -> None:
        # Of two columns with one name the last is ours: it was written behind the user's.
        places = {normalised(column): place for place, column in enumerate(columns)}
        wanted = [normalised(name) for name in _columns_of(renditions)]
        self._statuses = places[normalised(STATUSES_COLUMN)]
        self._places = [places[name] for name in wanted if name in places]
        self._renditions = tuple(renditions)
        self._picture_key = picture_key

    def of_row(self, cells: Sequence[str], slots: int) -> tuple[CarryOver | None, ...]:
        """The earlier output of each slot; nothing at all when the columns do not have that many slots."""
        statuses = restored(cells[self._statuses]).split(",")
        outputs = [restored(cells[place]).split(",") for place in self._places]
        if len(self._places) < len(self._renditions) or any(len(cell) != slots for cell in [statuses, *outputs]):
            return ()
        return tuple(
            self._carried([output[slot] for output in outputs]) if _SUCCEEDED.match(status) else None
            for slot, status in enumerate(statuses)
        )

    def _carried(self, urls: Sequence[str]) -> CarryOver | None:
        found: list[CarriedRendition] = []
        images: set[tuple[str, str]] = set()
        for name, url in zip(self._renditions, urls, strict=True):
            key = self._picture_key(url.strip())
            parts = None if key is None else _KEY.fullmatch(key)
            if parts is None or parts["rendition"] != name:
                return None
            images.add((parts["request_id"], parts["index"]))
            found.append(CarriedRendition(name=name, key=parts.string))
        if len(images) != 1:
            return None
        request_id, index = images.pop()
        return CarryOver(request_id=request_id, index=int(index), renditions=tuple(found))


def _columns_of(renditions: Sequence[str]) -> list[str]:
    return [OUTPUT_COLUMN, *(f"{OUTPUT_COLUMN} ({name})" for name in renditions[1:])]
