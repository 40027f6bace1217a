"""In which row each value came first, in 12 bytes a place, however long the values are."""

from array import array
from typing import Final

_PLACES_AT_FIRST: Final = 1024
_64_BITS: Final = 2**64 - 1


class HashedRows:
    """An open hash table in two arrays. Two values are taken for one when 64 bits of their hashes are equal.

    The hash of text is keyed by chance in each process, so nobody can choose such values; among a million it happens
    to one file in thirty million.
    """

    def __init__(self) -> None:
        self._hashes = array("Q", bytes(8 * _PLACES_AT_FIRST))
        self._rows = array("I", bytes(4 * _PLACES_AT_FIRST))
        self._used = 0

    def first_row(self, value: str, row: int) -> int:
        """The row of `value`, from 1; it is remembered as `row` if it is new."""
        hashed = hash(value) & _64_BITS
        place = self._place(hashed)
        if self._rows[place]:
            return self._rows[place]
        self._hashes[place], self._rows[place] = hashed, row
        self._used += 1
        if 3 * self._used > 2 * len(self._rows):
            self._grow()
        return row

    def _place(self, hashed: int) -> int:
        """Where a hash is, or where it is to be put: the first place that is free."""
        rows, hashes, last = self._rows, self._hashes, len(self._rows) - 1
        place = hashed & last
        while rows[place] and hashes[place] != hashed:
            place = (place + 1) & last
        return place

    def _grow(self) -> None:
        hashes, rows = self._hashes, self._rows
        self._hashes, self._rows = array("Q", bytes(16 * len(rows))), array("I", bytes(8 * len(rows)))
        for hashed, row in zip(hashes, rows, strict=True):
            if row:
                place = self._place(hashed)
                self._hashes[place], self._rows[place] = hashed, row
