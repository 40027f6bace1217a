"""From text to records, piece by piece, with Python's own strict `csv`: what it takes, every later reader takes."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from services.ingest.domain.findings import FindingCode

# A record that is longer has most likely lost its closing quote.
MAX_RECORD_CHARS: Final = 1_000_000

_ANY_LINE_ENDING: Final = re.compile(r"\r\n|\r|\n")
_UNFINISHED: Final = "unexpected end of data"


class Broken(NamedTuple):
    """Why a record cannot be read. After a `last` one nothing can."""

    code: FindingCode
    message: str
    last: bool = False


class Record(NamedTuple):
    """The cells of a record that starts on physical line `line`, or why it has none."""

    line: int
    cells: list[str]
    broken: Broken | None = None


_UNTERMINATED: Final = Broken(
    "unterminated_quote",
    "A quoted cell starts in this row and never ends. Close the quote; a quote inside a cell is written twice.",
    last=True,
)
_TEXT_AFTER_QUOTE: Final = Broken(
    "text_after_quote",
    "Text follows a closing quote. Quote the whole cell, and write a quote inside it twice.",
)
_FIELD_TOO_LONG: Final = Broken("field_too_long", "A cell is longer than 131,072 characters. Split the row.")


class RecordReader:
    """Reads records from pieces of text. Empty lines are no records; lines are counted all the same."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._held = ""
        self._lines_before = 0
        self._given_up = False

    @property
    def line(self) -> int:
        """The physical line on which the next record starts."""
        return self._lines_before + 1

    @property
    def last_line(self) -> int:
        """The physical line at which the text given so far ends."""
        return self.line + len(_ANY_LINE_ENDING.findall(self._held))

    def read(self, text: str, *, final: bool = False) -> Iterator[Record]:
        """Yield the records that `text` completes; with `final` also the last one."""
        if self._given_up:
            return
        text = self._held + text
        complete = len(text) if final else _end_of_last_line(text)
        self._held = text[complete:]
        yield from self._records(text[:complete], final=final)
        if len(self._held) > MAX_RECORD_CHARS and not self._given_up:
            self._given_up = True
            yield Record(self.line, [], _UNTERMINATED)

    def _records(self, text: str, *, final: bool) -> Iterator[Record]:
        lines = io.StringIO(text, newline="")
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        before, start = self._lines_before, 0
        while True:
            self._lines_before = before + reader.line_num
            line = self._lines_before + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                broken = _broken(str(error), lines=before + reader.line_num - line + 1)
                if str(error) == _UNFINISHED and not final:
                    self._held = text[start:] + self._held
                    return
                self._given_up = broken.last
                yield Record(line, [], broken)
                if broken.last:
                    return
            else:
                if cells:
                    yield Record(line, cells)
            start = lines.tell()


def _end_of_last_line(text: str) -> int:
    # A carriage return at the very end may be half of a line ending.
    end = len(text) - text.endswith("\r")
    return max(text.rfind("\n", 0, end), text.rfind("\r", 0, end)) + 1


def _broken(error: str, *, lines: int) -> Broken:
    if error == _UNFINISHED:
        return _UNTERMINATED
    if "expected after" in error:
        return _TEXT_AFTER_QUOTE
    if "field larger than" in error:
        # A cell that is so long and has many lines has swallowed the rows after a quote that never ends.
        return _UNTERMINATED if lines > 1 else _FIELD_TOO_LONG
    return Broken("malformed_record", f"The row cannot be read as CSV: {error}.")
