"""The output CSV, row by row: the input's row and what became of its images.

A failed slot keeps its exact place. Cells that a spreadsheet would run as a formula are neutralised.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from shared.events import Outcome
from shared.formula_cells import neutralised, restored

OUTPUT_COLUMN = "Output Image URLs"
STATUSES_COLUMN = "Image Statuses"
SLOT_SEPARATOR = ","
ENCODED_COMMA = "%2C"

_FURTHER_COLUMN: Final = re.compile(rf"{re.escape(OUTPUT_COLUMN)} \(.*\)", re.IGNORECASE)

FailedSlots = Literal["keep_url", "empty"]


@dataclass(frozen=True, slots=True)
class Slot:
    """One image of a row: its input URL, what became of it, and the URL of each rendition."""

    url: str
    outcome: Outcome
    error_code: str | None
    renditions: Mapping[str, str]

    @property
    def succeeded(self) -> bool:
        return self.outcome == "succeeded"

    @property
    def status(self) -> str:
        return self.error_code or self.outcome


class OutputTable:
    """The input's columns, then the output's.

    Output columns that the input brought, because it is an output that was posted back, are left away: they are
    written anew. Such an input is `written_by_us`: its cells are neutralised already. `needed` are the places of
    columns that the request was read from; they stay whatever they are called.
    """

    def __init__(
        self,
        columns: Sequence[str],
        *,
        renditions: Sequence[str],
        failed_slots: FailedSlots,
        needed: Sequence[int] = (),
    ) -> None:
        self._renditions = tuple(renditions)
        self._failed_slots = failed_slots
        outputs = {place for place, name in enumerate(columns) if place not in needed and _is_output(name)}
        self.written_by_us = {_normalised(columns[place]) for place in outputs} >= _MARKS
        # One such name alone is a column of the user's, and stays.
        old = outputs if self.written_by_us else set()
        self._width = len(columns)
        self._kept = [place for place in range(self._width) if place not in old]
        self._header = [columns[place] for place in self._kept]
        if self.written_by_us:
            self._header = self._plain(self._header)

    def header(self) -> list[str]:
        further = [f"{OUTPUT_COLUMN} ({name})" for name in self._renditions[1:]]
        return [*self._header, OUTPUT_COLUMN, *further, STATUSES_COLUMN]

    def row(self, cells: Sequence[str], slots: Sequence[Slot]) -> list[str]:
        """The output row, not neutralised yet; cells beyond the header stay behind the output columns."""
        own = [cells[place] if place < len(cells) else "" for place in self._kept]
        beyond = list(cells[self._width :])
        if self.written_by_us:
            own, beyond = self._plain(own), self._plain(beyond)
        return [*own, *self._values(slots), *beyond]

    def _plain(self, cells: Sequence[str]) -> list[str]:
        return [restored(cell) for cell in cells]

    def _values(self, slots: Sequence[Slot]) -> list[str]:
        urls = [SLOT_SEPARATOR.join(self._slot(slot, name) for slot in slots) for name in self._renditions]
        return [*urls, SLOT_SEPARATOR.join(slot.status for slot in slots)]

    def _slot(self, slot: Slot, rendition: str) -> str:
        if slot.succeeded:
            return slot.renditions.get(rendition, "")
        return "" if self._failed_slots == "empty" else slot.url.replace(",", ENCODED_COMMA)


def _normalised(name: str) -> str:
    return " ".join(name.split()).casefold()


# An input with both columns is an output of ours.
_MARKS: Final = frozenset({_normalised(OUTPUT_COLUMN), _normalised(STATUSES_COLUMN)})


def _is_output(name: str) -> bool:
    normalised = _normalised(name)
    return normalised in _MARKS or _FURTHER_COLUMN.fullmatch(normalised) is not None


def csv_line(cells: Sequence[str], *, delimiter: str, line_ending: str) -> str:
    """Write one neutralised record, quoted where a reader needs it."""
    if len(cells) == 1 and not cells[0]:
        return f'""{line_ending}'
    return delimiter.join(_quoted(neutralised(cell), delimiter) for cell in cells) + line_ending


def _quoted(cell: str, delimiter: str) -> str:
    if any(special in cell for special in (delimiter, '"', "\r", "\n")):
        return '"' + cell.replace('"', '""') + '"'
    return cell
