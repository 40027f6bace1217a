"""Following a request until its end."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from pixelmill.api_answers import Status
from pixelmill.api_refusals import ServerUnreachable

FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 2.0
SLOWER_EACH_TIME: Final = 1.3
PATIENCE_SECONDS: Final = 30.0
"""How long a server may be away while its request is followed: it may be restarting."""


def watched(
    look: Callable[[], Status],
    *,
    sleep: Callable[[float], None] = time.sleep,
    seconds: Callable[[], float] = time.monotonic,
) -> Iterator[Status]:
    """Yield each look at the request; the last one has ended. A short absence of the server is waited out."""
    pause = FIRST_PAUSE_SECONDS
    heard = seconds()
    while True:
        try:
            status = look()
        except ServerUnreachable:
            if seconds() - heard > PATIENCE_SECONDS:
                raise
        else:
            heard = seconds()
            yield status
            if status.has_ended:
                return
        sleep(pause)
        pause = min(pause * SLOWER_EACH_TIME, LONGEST_PAUSE_SECONDS)
