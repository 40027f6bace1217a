"""Sets of small numbers as the bits of one integer: which images of a chunk have a result."""

from collections.abc import Iterable
from typing import NewType

Bitmap = NewType("Bitmap", int)

EMPTY = Bitmap(0)


def with_bits(bitmap: Bitmap, positions: Iterable[int]) -> Bitmap:
    """Add positions (from 0); adding one twice changes nothing."""
    bits = int(bitmap)
    for position in positions:
        bits |= 1 << position
    return Bitmap(bits)


def count(bitmap: Bitmap) -> int:
    return bitmap.bit_count()


def to_bytes(bitmap: Bitmap) -> bytes:
    """The bits, least significant byte first, without empty bytes at the end."""
    return bitmap.to_bytes((bitmap.bit_length() + 7) // 8, "little")


def from_bytes(data: bytes) -> Bitmap:
    return Bitmap(int.from_bytes(data, "little"))
