"""Remembers in which row each value came first, cheaply for the usual ascending numbers."""

from array import array
from bisect import bisect_right
from typing import Final

from services.ingest.domain.hashed_rows import HashedRows

_LARGEST: Final = 2**63 - 1


class FirstSeen:
    """Consecutive integers in consecutive rows are one run of 24 bytes; everything else is remembered by its hash."""

    def __init__(self) -> None:
        self._firsts = array("q")
        self._lasts = array("q")
        self._rows = array("q")
        self._others = HashedRows()
        self._expected: tuple[str, int] | None = None

    def follows(self, text: str, row: int) -> bool:
        """Whether `text` is the number after the last one, in the row after the last one; if so, it is remembered."""
        if (text, row) != self._expected:
            return False
        last = self._lasts[-1] = self._lasts[-1] + 1
        self._expected = (str(last + 1), row + 1) if last < _LARGEST else None
        return True

    def add(self, value: int | str, row: int) -> int | None:
        """Remember `value`; return the row in which it came before, if it did."""
        if isinstance(value, str) or not 0 <= value <= _LARGEST:
            return self._add_other(value, row)
        if not self._lasts or value > self._lasts[-1]:
            self._append(value, row)
            return None
        return self._row_in_runs(value) or self._add_other(value, row)

    def _append(self, value: int, row: int) -> None:
        self._expected = (str(value + 1), row + 1) if value < _LARGEST else None
        if self._lasts and value == self._lasts[-1] + 1 and row == self._rows[-1] + value - self._firsts[-1]:
            self._lasts[-1] = value
            return
        self._firsts.append(value)
        self._lasts.append(value)
        self._rows.append(row)

    def _row_in_runs(self, value: int) -> int | None:
        run = bisect_right(self._firsts, value) - 1
        if run < 0 or value > self._lasts[run]:
            return None
        return self._rows[run] + value - self._firsts[run]

    def _add_other(self, value: int | str, row: int) -> int | None:
        earlier = self._others.first_row(str(value), row)
        return earlier if earlier != row else None
