"""Which offset of a partition may be committed while its records finish out of order."""

from bisect import insort


class Watermark:
    """Follows one partition. Offsets may have gaps: transaction markers and compaction leave some.

    `position` is the offset to commit: everything below it is finished. It never passes an unfinished record.
    """

    def __init__(self) -> None:
        self._unfinished: list[int] = []
        self._next: int | None = None

    def received(self, offset: int) -> None:
        """Take note of a record, in order of arrival."""
        insort(self._unfinished, offset)
        self._next = offset + 1

    def finished(self, offset: int) -> None:
        self._unfinished.remove(offset)

    @property
    def position(self) -> int | None:
        """The offset to commit, or `None` before the first record."""
        return self._unfinished[0] if self._unfinished else self._next

    @property
    def is_at_rest(self) -> bool:
        """Whether all that was received is finished."""
        return not self._unfinished

    def span_to(self, offset: int) -> int:
        """How far `offset` lies from the oldest unfinished record."""
        return offset - self._unfinished[0] if self._unfinished else 0
