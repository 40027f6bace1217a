"""The output CSV, row by row: the input's row and what became of its images.

A failed slot keeps its exact place. Cells that a spreadsheet would run as a formula get a leading apostrophe, and so
do cells that begin with one, so that taking one apostrophe away gives the cell back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from shared.events import Outcome

OUTPUT_COLUMN = "Output Image URLs"
STATUSES_COLUMN = "Image Statuses"
SLOT_SEPARATOR = ","
ENCODED_COMMA = "%2C"

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "'")

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
    """Knows where the output columns stand: after the input's, or in their old place when the input has them."""

    def __init__(self, columns: Sequence[str], *, renditions: Sequence[str], failed_slots: FailedSlots) -> None:
        self._renditions = tuple(renditions)
        self._failed_slots = failed_slots
        self._input_width = len(columns)
        self._header = list(columns)
        self._places = [self._place(name) for name in self._output_columns()]

    def header(self) -> list[str]:
        return list(self._header)

    def row(self, cells: Sequence[str], slots: Sequence[Slot]) -> list[str]:
        """The output row; cells beyond the header stay behind the output columns."""
        row = [*cells[: self._input_width]]
        row += [""] * (len(self._header) - len(row))
        for place, value in zip(self._places, self._values(slots), strict=True):
            row[place] = value
        return row + list(cells[self._input_width :])

    def _output_columns(self) -> list[str]:
        further = [f"{OUTPUT_COLUMN} ({name})" for name in self._renditions[1:]]
        return [OUTPUT_COLUMN, *further, STATUSES_COLUMN]

    def _place(self, name: str) -> int:
        known = [column.strip().casefold() for column in self._header]
        if name.casefold() not in known:
            self._header.append(name)
            return len(self._header) - 1
        return known.index(name.casefold())

    def _values(self, slots: Sequence[Slot]) -> list[str]:
        urls = [SLOT_SEPARATOR.join(self._slot(slot, name) for slot in slots) for name in self._renditions]
        return [*urls, SLOT_SEPARATOR.join(slot.status for slot in slots)]

    def _slot(self, slot: Slot, rendition: str) -> str:
        if slot.succeeded:
            return slot.renditions.get(rendition, "")
        return "" if self._failed_slots == "empty" else slot.url.replace(",", ENCODED_COMMA)


def neutralised(cell: str) -> str:
    """Make a cell harmless to spreadsheets; `restored` undoes it."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA_STARTS) else cell


def restored(cell: str) -> str:
    """Undo `neutralised`."""
    return cell[1:] if cell.startswith("'") else cell


def csv_line(cells: Sequence[str], *, delimiter: str, line_ending: str) -> str:
    """Write one neutralised record, quoted where a reader needs it."""
    if len(cells) == 1 and not cells[0]:
        return f'""{line_ending}'
    return delimiter.join(_quoted(neutralised(cell), delimiter) for cell in cells) + line_ending


def _quoted(cell: str, delimiter: str) -> str:
    if any(special in cell for special in (delimiter, '"', "\r", "\n")):
        return '"' + cell.replace('"', '""') + '"'
    return cell
