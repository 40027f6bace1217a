"""What is wrong with a CSV: each finding names its place, a stable code, and what to do."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, get_args

FindingCode = Literal[
    "encoding",
    "nul_character",
    "empty_file",
    "no_rows",
    "no_images",
    "missing_column",
    "duplicate_column",
    "too_many_columns",
    "header_too_long",
    "column_count",
    "record_too_long",
    "unterminated_quote",
    "text_after_quote",
    "field_too_long",
    "malformed_record",
    "required",
    "not_an_integer",
    "serial_too_long",
    "name_too_long",
    "duplicate",
    "invalid_url",
    "url_too_long",
    "too_many_urls",
    "too_many_rows",
    "too_many_images",
]

FINDING_CODES: Final[tuple[FindingCode, ...]] = get_args(FindingCode)

# The cell is understood, only its value breaks a rule: `on_invalid=keep` takes the file all the same.
TOLERABLE: Final[frozenset[FindingCode]] = frozenset(
    {"required", "not_an_integer", "serial_too_long", "name_too_long", "duplicate", "invalid_url", "url_too_long"}
)

MAX_LISTED: Final = 1000
_MAX_SHOWN: Final = 80
_MOST_SHOWN: Final = 20


class Finding(NamedTuple):
    """One thing wrong. `row` counts data rows from 1, `line` physical lines from 1; null where there is none."""

    row: int | None
    line: int | None
    column: str | None
    code: FindingCode
    message: str


class Findings:
    """Collects findings in the order of the file: the first 1,000, and how many there are in all."""

    def __init__(self) -> None:
        self.listed: list[Finding] = []
        self.total = 0
        self._intolerable = 0

    def add(self, finding: Finding) -> None:
        self.total += 1
        self._intolerable += finding.code not in TOLERABLE
        if len(self.listed) < MAX_LISTED:
            self.listed.append(finding)

    def refuse(self, *, keep: bool) -> bool:
        """Whether the file cannot be taken; with `keep`, broken values alone are no reason."""
        return self._intolerable > 0 if keep else self.total > 0


def shown_all(values: Sequence[str]) -> str:
    """The first values as messages show them."""
    return ", ".join([*map(shown, values[:_MOST_SHOWN]), *["…"][: len(values) > _MOST_SHOWN]])


def shown(value: str) -> str:
    """A value as messages show it: quoted, control characters escaped, cut to 80 characters."""
    return f'"{escaped(value)}"'


def escaped(value: str) -> str:
    """A value with its control characters escaped, cut to 80 characters."""
    cut = value if len(value) <= _MAX_SHOWN else value[: _MAX_SHOWN - 1] + "…"
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in cut)
