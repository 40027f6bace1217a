"""Rows against the rules. This is the hot path of an upload: plain tuples, no models."""

from collections.abc import Callable
from typing import Final, NamedTuple

from services.ingest.domain.csv_rules import ColumnRule, CsvRules, Role
from services.ingest.domain.findings import Finding, FindingCode, Findings, shown
from services.ingest.domain.first_seen import FirstSeen
from services.ingest.domain.url_cell import UrlProblem, is_plain_url, split_urls

_MAX_DIGITS: Final = 100


class Header(NamedTuple):
    """The header's cells as they stand, and where the known columns are."""

    cells: tuple[str, ...]
    serial: int
    name: int
    urls: int


class Row(NamedTuple):
    """A data row whose cells are understood. `row` counts from 1, `line` is the physical line it starts on."""

    row: int
    line: int
    serial_number: str
    product_name: str
    urls: list[str]


def read_header(cells: list[str], line: int, *, rules: CsvRules, findings: Findings) -> Header | None:
    """Find the known columns; None, and findings, when one is missing or named twice."""
    places: dict[Role, list[int]] = {rule.role: [] for rule in rules.columns}
    for place, cell in enumerate(cells):
        role = rules.role_of(cell)
        if role is not None:
            places[role].append(place)
    problems = [problem for rule in rules.columns if (problem := _column_problem(rule, places[rule.role], cells))]
    if len(cells) > rules.max_columns:
        problems.append(("too_many_columns", None, f"{len(cells)} columns; at most {rules.max_columns} are allowed."))
    for code, column, message in problems:
        findings.add(Finding(None, line, column, code, message))
    if problems:
        return None
    return Header(tuple(cells), places["serial"][0], places["name"][0], places["urls"][0])


def _column_problem(
    rule: ColumnRule, places: list[int], cells: list[str]
) -> tuple[FindingCode, str | None, str] | None:
    if not places:
        found = ", ".join(shown(cell) for cell in cells[:20])
        return "missing_column", rule.title, f"The column {shown(rule.title)} is missing; the header has {found}."
    if len(places) > 1:
        names = ", ".join(shown(cells[place]) for place in places)
        return "duplicate_column", rule.title, f"Several columns are the {shown(rule.title)}: {names}. Keep one."
    return None


_Report = Callable[[ColumnRule, FindingCode, str], None]


class RowReader:
    """Turns the cells of records into rows, and reports what breaks a rule."""

    def __init__(self, header: Header, *, rules: CsvRules, findings: Findings, url_problem: UrlProblem) -> None:
        self._header = header
        self._width = len(header.cells)
        self._rules = rules
        self._findings = findings
        self._url_problem = url_problem
        self._serial_seen = FirstSeen() if rules.serial.unique else None
        self._name_seen = FirstSeen() if rules.name.unique else None

    def row(self, number: int, line: int, cells: list[str]) -> Row | None:
        """The row, with the URLs as they stand; None when it cannot be carried through at all."""
        if len(cells) != self._width:
            message = f"{len(cells)} cells, but the header has {self._width}. Quote cells that contain the delimiter."
            self._findings.add(Finding(number, line, None, "column_count", message))
            return None

        def report(rule: ColumnRule, code: FindingCode, message: str) -> None:
            self._findings.add(Finding(number, line, rule.title, code, message))

        serial = cells[self._header.serial].strip()
        name = cells[self._header.name].strip()
        _check_value(serial, number, rule=self._rules.serial, seen=self._serial_seen, report=report)
        _check_value(name, number, rule=self._rules.name, seen=self._name_seen, report=report)
        urls = split_urls(cells[self._header.urls])
        self._check_urls(urls, report)
        return Row(number, line, serial, name, urls)

    def _check_urls(self, urls: list[str], report: _Report) -> None:
        rule, rules = self._rules.urls, self._rules
        if not urls and rule.required:
            report(rule, "required", f"{rule.title} is empty; each row needs at least one URL.")
        if len(urls) > rules.max_urls_per_row:
            report(rule, "too_many_urls", f"{len(urls)} URLs in one row; at most {rules.max_urls_per_row} are allowed.")
            return
        for slot, url in enumerate(urls, 1):
            if len(url) > rules.max_url_length:
                report(rule, "invalid_url", f"URL {slot} is longer than {rules.max_url_length} characters.")
            elif not is_plain_url(url) and (problem := self._url_problem(url)) is not None:
                report(rule, "invalid_url", f"URL {slot}, {shown(url)}: {problem}")


def _check_value(value: str, row: int, *, rule: ColumnRule, seen: FirstSeen | None, report: _Report) -> None:
    if not value:
        if rule.required:
            report(rule, "required", f"{rule.title} is empty.")
        return
    if len(value) > rule.max_length:
        report(rule, "too_long", f"{shown(value)} is longer than {rule.max_length} characters.")
        return
    if rule.type == "integer" and not (value.isdecimal() and value.isascii() and len(value) <= _MAX_DIGITS):
        report(rule, "not_an_integer", f"{shown(value)} is not a whole number.")
        return
    if seen is not None:
        earlier = seen.add(int(value) if rule.type == "integer" else value, row)
        if earlier is not None:
            report(rule, "duplicate", f"{shown(value)} already stands in row {earlier}.")
