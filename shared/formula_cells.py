"""Cells that a spreadsheet might run as a formula: an apostrophe before them makes them text, reversibly.

A cell that looks like one that got an apostrophe gets another, so that taking one away gives every cell back.
"""

import re
from typing import Final

# What a spreadsheet, or the program that wrote the file before it, may skip: any blank, control characters, and
# what nobody sees.
_SKIPPED: Final = r"\s\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
# What begins a formula, then the full-width and the small forms of it. Some take a tab or line break for a beginning.
_BEGINS: Final = r"=+\-@\t\r\n" r"\uff1d\uff0b\uff0d\uff20" r"\ufe66\ufe62\ufe63\ufe6b"
_FORMULA: Final = re.compile(rf"'*[{_SKIPPED}]*[{_BEGINS}]")


def neutralised(cell: str) -> str:
    """The cell made harmless to spreadsheets; `restored` undoes it."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def restored(cell: str) -> str:
    """A cell as it was before it was neutralised; any other cell as it is."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
