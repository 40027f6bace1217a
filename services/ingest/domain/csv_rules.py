"""The rules that a CSV must follow, as data: a deployer can change them without code."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

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
    max_length: int = Field(default=1000, ge=1)

    @property
    def title(self) -> str:
        return self.names[0]


class CsvRules(_Frozen):
    """Rules for the whole file. Columns that no rule names are allowed and carried through."""

    serial: ColumnRule = ColumnRule(
        role="serial", names=("Serial Number", "S. No."), unique=True, type="integer", max_length=100
    )
    name: ColumnRule = ColumnRule(role="name", names=("Product Name",))
    urls: ColumnRule = ColumnRule(role="urls", names=("Image URLs", "Input Image Urls"), max_length=131_072)
    max_columns: int = Field(default=256, ge=3)
    max_rows: int = Field(default=1_000_000, ge=1)
    max_urls_per_row: int = Field(default=1000, ge=1)
    max_url_length: int = Field(default=4096, ge=16)

    @property
    def columns(self) -> tuple[ColumnRule, ...]:
        return (self.serial, self.name, self.urls)

    def role_of(self, header_cell: str) -> Role | None:
        """Which known column a header cell names, if any."""
        wanted = normalised(header_cell)
        return next((rule.role for rule in self.columns if wanted in map(normalised, rule.names)), None)


def normalised(name: str) -> str:
    """A column name as it is compared: trimmed, inner blanks joined, case folded."""
    return " ".join(name.split()).casefold()
