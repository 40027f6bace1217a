"""How a CSV is written: delimiter and line ending, found from its head."""

import csv
import io
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from services.ingest.domain.csv_rules import CsvRules

Delimiter = Literal[",", ";", "\t"]
DELIMITERS: Final[tuple[Delimiter, ...]] = (",", ";", "\t")
LineEnding = Literal["\n", "\r\n", "\r"]
_LINE_ENDINGS: Final[tuple[LineEnding, ...]] = ("\r\n", "\n", "\r")


class Dialect(NamedTuple):
    delimiter: Delimiter
    line_ending: LineEnding


class _Guess(NamedTuple):
    known_columns: int
    columns: int
    dialect: Dialect


def dialect_of(head: str, rules: CsvRules) -> Dialect:
    """The dialect under which the header names most of the known columns; the earlier delimiter wins a tie."""
    return max(_guesses(head, rules), key=lambda guess: guess[:2]).dialect


def _guesses(head: str, rules: CsvRules) -> Iterator[_Guess]:
    for delimiter in DELIMITERS:
        cells, end = _first_record(head, delimiter)
        known = {rules.role_of(cell) for cell in cells} - {None}
        yield _Guess(len(known), len(cells), Dialect(delimiter, _line_ending(head[:end])))


def _first_record(head: str, delimiter: str) -> tuple[list[str], int]:
    lines = io.StringIO(head, newline="")
    try:
        cells = next((cells for cells in csv.reader(lines, delimiter=delimiter, strict=True) if cells), [])
    except csv.Error:
        return [], lines.tell()
    return cells, lines.tell()


def _line_ending(record: str) -> LineEnding:
    return next((ending for ending in _LINE_ENDINGS if record.endswith(ending)), "\n")
