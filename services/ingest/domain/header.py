"""The header of a CSV: where the known columns are."""

from typing import Final, NamedTuple

from services.ingest.domain.csv_rules import ColumnRule, CsvRules, Role
from services.ingest.domain.earlier_outputs import output_places
from services.ingest.domain.findings import Finding, FindingCode, Findings, shown, shown_all

MAX_HEADER_CHARS: Final = 65_536
# More than there are renditions in any recipe.
MAX_OUTPUT_COLUMNS: Final = 64


class Header(NamedTuple):
    """The header's cells as they stand, and where the known columns are."""

    cells: tuple[str, ...]
    serial: int
    name: int
    urls: int
    outputs: frozenset[int] = frozenset()
    """Where the columns of an output of ours stand that is posted back."""


def read_header(cells: list[str], line: int, *, rules: CsvRules, findings: Findings) -> Header | None:
    """Find the known columns; None, and findings, when one is missing or named twice, or there is too much of it."""
    # Names stand in every request's file, which services keep in memory.
    if sum(map(len, cells)) > MAX_HEADER_CHARS or len(cells) > rules.max_columns + MAX_OUTPUT_COLUMNS:
        findings.add(Finding(None, line, None, *_too_large(cells, rules)))
        return None
    places: dict[Role, list[int]] = {rule.role: [] for rule in rules.columns}
    for place, cell in enumerate(cells):
        role = rules.role_of(cell)
        if role is not None:
            places[role].append(place)
    problems = [problem for rule in rules.columns if (problem := _column_problem(rule, places[rule.role], cells))]
    outputs = output_places(cells, needed=[place for found in places.values() for place in found])
    if len(cells) - len(outputs) > rules.max_columns:
        problems.append(("too_many_columns", None, f"{len(cells)} columns; at most {rules.max_columns} are allowed."))
    for code, column, message in problems:
        findings.add(Finding(None, line, column, code, message))
    if problems:
        return None
    return Header(tuple(cells), places["serial"][0], places["name"][0], places["urls"][0], outputs)


def _too_large(cells: list[str], rules: CsvRules) -> tuple[FindingCode, str]:
    if len(cells) > rules.max_columns + MAX_OUTPUT_COLUMNS:
        return "too_many_columns", f"{len(cells)} columns; at most {rules.max_columns} are allowed."
    return "header_too_long", f"The names of the columns have more than {MAX_HEADER_CHARS} characters. Shorten them."


def _column_problem(
    rule: ColumnRule, places: list[int], cells: list[str]
) -> tuple[FindingCode, str | None, str] | None:
    if not places:
        message = f"The column {shown(rule.title)} is missing; the header has {shown_all(cells)}."
        return "missing_column", rule.title, message
    if len(places) > 1:
        names = shown_all([cells[place] for place in places])
        return "duplicate_column", rule.title, f"Several columns are the {shown(rule.title)}: {names}. Keep one."
    return None
