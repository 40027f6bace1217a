"""Rows against the rules. This is the hot path of an upload: plain tuples, no models, the usual row checked first."""

from typing import Final, NamedTuple

from services.ingest.domain.csv_rules import ColumnRule, CsvRules
from services.ingest.domain.earlier_outputs import EarlierOutputs
from services.ingest.domain.findings import Finding, FindingCode, Findings, shown
from services.ingest.domain.first_seen import FirstSeen
from services.ingest.domain.header import Header
from services.ingest.domain.url_cell import UrlProblem, is_plain_url, split_urls
from shared.events import CarryOver
from shared.formula_cells import restored

_MAX_DIGITS: Final = 100
_USUAL_DIGITS: Final = 19


class Row(NamedTuple):
    """A data row whose cells are understood. `row` counts from 1, `line` is the physical line it starts on.

    `carried` has the earlier output of each slot, if the file says that there is any.
    """

    row: int
    line: int
    serial_number: str
    product_name: str
    urls: list[str]
    carried: tuple[CarryOver | None, ...] = ()


class RowReader:
    """Turns the cells of records into rows, and reports what breaks a rule."""

    def __init__(
        self,
        header: Header,
        *,
        rules: CsvRules,
        findings: Findings,
        url_problem: UrlProblem,
        earlier: EarlierOutputs | None,
    ) -> None:
        self._header = header
        self._width = len(header.cells)
        self._rules = rules
        self._findings = findings
        self._url_problem = url_problem
        self._earlier = earlier
        self._serial_seen = FirstSeen() if rules.serial.unique else None
        is_numbered = rules.serial.type == "integer" and rules.serial.max_length >= _USUAL_DIGITS
        self._numbered = self._serial_seen if is_numbered else None
        self._name_seen = FirstSeen() if rules.name.unique else None
        self._any_name_is_fine = rules.name.type == "text" and not rules.name.unique
        self._max_name = rules.name.max_length
        self._max_url = rules.max_url_length
        self._place = (0, 0)

    def row(self, number: int, line: int, cells: list[str]) -> Row | None:
        """The row, with the URLs as they stand; None when it cannot be carried through at all."""
        self._place = (number, line)
        if len(cells) != self._width:
            return self._row_of_another_width(cells)
        header = self._header
        serial, name, cell = cells[header.serial], cells[header.name], cells[header.urls]
        if self._earlier is not None:
            serial, name, cell = restored(serial), restored(name), restored(cell)
        serial, name = serial.strip(), name.strip()
        if not serial and _is_empty(cells):
            return Row(number, line, "", "", [])
        if self._numbered is None or not self._numbered.follows(serial, number):
            self._check_value(serial, self._rules.serial, self._serial_seen)
        if not (0 < len(name) <= self._max_name and self._any_name_is_fine):
            self._check_value(name, self._rules.name, self._name_seen)
        urls = split_urls(cell)
        if len(urls) != 1 or len(urls[0]) > self._max_url or not is_plain_url(urls[0]):
            self._check_urls(urls)
        if self._earlier is None:
            return Row(number, line, serial, name, urls)
        return Row(number, line, serial, name, urls, self._earlier.of_row(cells, len(urls)))

    def _row_of_another_width(self, cells: list[str]) -> Row | None:
        row, line = self._place
        if _is_empty(cells):
            return Row(row, line, "", "", [])
        message = f"{len(cells)} cells, but the header has {self._width}. Quote cells that contain the delimiter."
        self._findings.add(Finding(row, line, None, "column_count", message))
        return None

    def _check_urls(self, urls: list[str]) -> None:
        rule, rules = self._rules.urls, self._rules
        if not urls and rule.required:
            self._report(rule, "required", f"{rule.title} is empty; each row needs at least one URL.")
        if len(urls) > rules.max_urls_per_row:
            most = rules.max_urls_per_row
            self._report(rule, "too_many_urls", f"{len(urls)} URLs in one row; at most {most} are allowed.")
            return
        for slot, url in enumerate(urls, 1):
            if len(url) > rules.max_url_length:
                self._report(rule, "url_too_long", f"URL {slot} is longer than {rules.max_url_length} characters.")
            elif not is_plain_url(url) and (problem := self._url_problem(url)) is not None:
                self._report(rule, "invalid_url", f"URL {slot}, {shown(url)}: {problem}")

    def _check_value(self, value: str, rule: ColumnRule, seen: FirstSeen | None) -> None:
        if not value:
            if rule.required:
                self._report(rule, "required", f"{rule.title} is empty.")
        elif len(value) > rule.max_length:
            code: FindingCode = "serial_too_long" if rule.role == "serial" else "name_too_long"
            self._report(rule, code, f"{shown(value)} is longer than {rule.max_length} characters.")
        elif rule.type == "integer" and not (value.isdecimal() and value.isascii() and len(value) <= _MAX_DIGITS):
            self._report(rule, "not_an_integer", f"{shown(value)} is not a whole number.")
        elif seen is not None:
            earlier = seen.add(int(value) if rule.type == "integer" else value, self._place[0])
            if earlier is not None:
                self._report(rule, "duplicate", f"{shown(value)} already stands in row {earlier}.")

    def _report(self, rule: ColumnRule, code: FindingCode, message: str) -> None:
        row, line = self._place
        self._findings.add(Finding(row, line, rule.title, code, message))


def _is_empty(cells: list[str]) -> bool:
    """Whether nothing stands in a row: spreadsheets leave such rows at the end."""
    return not any(map(str.strip, cells))
