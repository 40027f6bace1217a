"""About how many distinct URLs there are, in a fixed 4 MB whatever their number."""

import math
from typing import Final

_SLOTS: Final = 1 << 22


class DistinctUrls:
    """Counts by marking slots; wrong by about 0.1 % at a million URLs, and hardly ever below a thousand."""

    def __init__(self) -> None:
        self._marked = bytearray(_SLOTS)

    def add(self, url: str) -> None:
        self._marked[hash(url) & (_SLOTS - 1)] = 1

    def estimate(self) -> int:
        marked = self._marked.count(1)
        return round(-_SLOTS * math.log1p(-marked / _SLOTS)) if marked < _SLOTS else _SLOTS
