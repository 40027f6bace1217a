"""From text to records, piece by piece, with Python's own strict `csv`: what it takes, every later reader takes."""

import csv
import io
import re
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from services.ingest.domain.findings import FindingCode

MAX_RECORD_CHARS: Final = 1_000_000
MAX_CELL_CHARS: Final = 131_072
# A cell of output columns has the URLs of a thousand pictures, or a thousand sources with their commas written as %2C.
MAX_OUTPUT_CELL_CHARS: Final = 1_000_000
# All cells of output columns of a row together.
MAX_OUTPUT_CHARS: Final = 8_000_000

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

    def __init__(self, delimiter: str, *, max_record_chars: int = MAX_RECORD_CHARS) -> None:
        # The limit belongs to the process. Cells that are no outputs have a smaller one here.
        csv.field_size_limit(MAX_OUTPUT_CELL_CHARS)
        self._delimiter = delimiter
        self._outputs: Collection[int] = ()
        self._max_chars = max_record_chars
        self._held = ""
        self._lines_before = 0
        self._given_up = False

    def let_grow(self, outputs: Collection[int]) -> None:
        """From the next record on, the cells at these places are output columns of ours, which may be longer."""
        self._outputs = outputs
        self._max_chars += min(MAX_OUTPUT_CHARS, len(outputs) * MAX_OUTPUT_CELL_CHARS)

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
        text = text[:complete]
        # Whether a record or cell is too long, or where an unfinished one starts, is asked only where that can be.
        if '"' in text or len(text) > self._max_chars or _has_long_line(text):
            yield from self._records(text, final=final)
        else:
            yield from self._plain_records(text)
        if len(self._held) > self._max_chars and not self._given_up:
            self._given_up = True
            yield Record(self.line, [], self._too_long(self._held))

    def _plain_records(self, text: str) -> Iterator[Record]:
        """Records without a quote: every line is one."""
        line = self._lines_before
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter, strict=True)
        while True:
            line += 1
            self._lines_before = line - 1
            try:
                for cells in reader:
                    self._lines_before = line
                    if cells:
                        yield Record(line, cells)
                    line += 1
            except csv.Error as error:
                self._lines_before = line
                yield Record(line, [], _broken(str(error), lines=1))
            else:
                return

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
                last = before + reader.line_num
                yield from self._whole(line, cells, chars=lines.tell() - start, lines=last - line + 1)
                if self._given_up:
                    return
            start = lines.tell()

    def _whole(self, line: int, cells: list[str], *, chars: int, lines: int) -> Iterator[Record]:
        if chars > self._max_chars:
            self._given_up = True
            yield Record(line, [], self._too_long(""))
        elif chars > MAX_CELL_CHARS and self._has_long_cell(cells):
            broken = _cell_too_long(lines)
            self._given_up = broken.last
            yield Record(line, [], broken)
        elif cells:
            yield Record(line, cells)

    def _has_long_cell(self, cells: list[str]) -> bool:
        # An output of ours may have put an apostrophe before the longest cell that there can be.
        most = MAX_CELL_CHARS + bool(self._outputs)
        return any(len(cell) > most and place not in self._outputs for place, cell in enumerate(cells))

    def _too_long(self, held: str) -> Broken:
        """Why a record is given up: inside quotes it has most likely lost the closing one."""
        if held.count('"') % 2:
            return _UNTERMINATED
        message = f"The row has more than {self._max_chars} characters. Split it. The rows after it were not read."
        return Broken("record_too_long", message, last=True)


def _end_of_last_line(text: str) -> int:
    # A carriage return at the very end may be half of a line ending.
    end = len(text) - text.endswith("\r")
    return max(text.rfind("\n", 0, end), text.rfind("\r", 0, end)) + 1


def _has_long_line(text: str) -> bool:
    if len(text) <= MAX_CELL_CHARS:
        return False
    return max(map(len, text.replace("\r", "\n").split("\n"))) > MAX_CELL_CHARS


def _cell_too_long(lines: int) -> Broken:
    # A cell that is so long and has many lines has swallowed the rows after a quote that never ends.
    return _UNTERMINATED if lines > 1 else _FIELD_TOO_LONG


def _broken(error: str, *, lines: int) -> Broken:
    if error == _UNFINISHED:
        return _UNTERMINATED
    if "expected after" in error:
        return _TEXT_AFTER_QUOTE
    if "field larger than" in error:
        return _cell_too_long(lines)
    return Broken("malformed_record", f"The row cannot be read as CSV: {error}.")
