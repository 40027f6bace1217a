"""The rules that a CSV must follow, as data: a deployer can change them without code."""

from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Role = Literal["serial", "name", "urls"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnRule(_Frozen):
    """One known column. `names` are its title and its aliases; they match trimmed and case-insensitively."""

    role: Role
    names: tuple[str, ...] = Field(min_length=1)
    required: bool = True
    unique: bool = False
    type: Literal["text", "integer"] = "text"
    max_length: int = Field(default=1000, ge=1, le=131_072)

    @property
    def title(self) -> str:
        return self.names[0]


_SERIAL = ColumnRule(role="serial", names=("Serial Number", "S. No."), unique=True, type="integer", max_length=100)
_NAME = ColumnRule(role="name", names=("Product Name",))
_URLS = ColumnRule(role="urls", names=("Image URLs", "Input Image Urls"), max_length=131_072)


class CsvRules(_Frozen):
    """Rules for the whole file. Columns that no rule names are allowed and carried through.

    A file names only what it changes, also within a column.
    """

    serial: ColumnRule = _SERIAL
    name: ColumnRule = _NAME
    urls: ColumnRule = _URLS
    max_record_chars: int = Field(default=1_000_000, ge=1000, le=4_000_000)
    max_columns: int = Field(default=256, ge=3, le=16_384)
    max_rows: int = Field(default=1_000_000, ge=1)
    max_urls_per_row: int = Field(default=1000, ge=1)
    max_url_length: int = Field(default=4096, ge=16, le=131_072)

    @model_validator(mode="before")
    @classmethod
    def _complete_columns(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        built_in = {"serial": _SERIAL, "name": _NAME, "urls": _URLS}
        return {
            name: {**built_in[name].model_dump(), **value} if name in built_in and isinstance(value, dict) else value
            for name, value in given.items()
        }

    @model_validator(mode="after")
    def _roles_and_names_are_clear(self) -> "CsvRules":
        if [rule.role for rule in self.columns] != ["serial", "name", "urls"]:
            raise ValueError("a column's role cannot be changed")
        names = [normalised(name) for rule in self.columns for name in rule.names]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the name {twice[0]!r} stands for more than one column, or twice for one")
        if "" in names:
            raise ValueError("a column has an empty name")
        return self

    @property
    def columns(self) -> tuple[ColumnRule, ...]:
        return (self.serial, self.name, self.urls)

    def role_of(self, header_cell: str) -> Role | None:
        """Which known column a header cell names, if any."""
        return self._roles.get(normalised(header_cell))

    @cached_property
    def _roles(self) -> dict[str, Role]:
        return {normalised(name): rule.role for rule in self.columns for name in rule.names}


def normalised(name: str) -> str:
    """A column name as it is compared: trimmed, inner blanks joined, case folded."""
    return " ".join(name.split()).casefold()
