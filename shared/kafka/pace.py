"""How long a broker may hold back a fetch that finds nothing: a while, and longer when nothing has come for some time.

Each answer costs broker and consumer about a millisecond, whatever is in it, and a stack at rest does hardly anything
else. A fetch that is held back is answered as soon as there is a record in one of its partitions. But one that it does
not ask for, because it was paused or had records that nobody had taken yet, waits for its end: a consumer that has had
records lately asks more often.
"""

import time
from collections.abc import Callable
from typing import Any, Final

AWAKE_MS: Final = 500
QUIET_MS: Final = 1500
QUIET_AFTER_SECONDS: Final = 1.0


class Pace:
    """The pace of one consumer, which begins awake."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._quiet_from = clock() + QUIET_AFTER_SECONDS

    def adjust(self, client: Any, *, is_awake: bool) -> None:
        """Set the pace: right after a poll, before the client runs again. Awake: records came, or some may wait."""
        now = self._clock()
        if is_awake:
            self._quiet_from = now + QUIET_AFTER_SECONDS
        set_fetching(client, longest_wait_ms=QUIET_MS if now >= self._quiet_from else AWAKE_MS)


def set_fetching(client: Any, *, longest_wait_ms: int, least_bytes: int = 1) -> None:
    """Say how the broker is to answer the client's next fetch. aiokafka has no public way to do so after the start."""
    fetcher = client._fetcher
    fetcher._fetch_max_wait_ms = longest_wait_ms
    fetcher._fetch_min_bytes = least_bytes
