"""When to publish: together while there is other work in hand, at once when there is none.

What a request costs the broker, the client and every reader that it wakes hardly depends on how many records are in it.
"""

import asyncio
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Final

GATHER_SECONDS: Final = 0.2
MOST_GATHERED: Final = 200


class Gathering:
    """Knows the work in hand, and lets those who publish wait for each other while there is some.

    Nobody waits for longer than `seconds`, and no more than `most` wait at once.
    """

    def __init__(self, *, seconds: float = GATHER_SECONDS, most: int = MOST_GATHERED) -> None:
        self._seconds = seconds
        self._most = most
        self._in_hand: set[Hashable] = set()
        self._waiting = 0
        self._moment = asyncio.Event()
        self._latest: asyncio.TimerHandle | None = None

    def begin(self, work: Hashable) -> None:
        """There is work in hand until `end` is called with it. A task that publishes is no work for as long."""
        self._in_hand.add(work)

    def end(self, work: Hashable) -> None:
        """Take note that some work has ended, if it has not before."""
        self._in_hand.discard(work)
        if not self._in_hand:
            self._come()

    async def moment(self) -> None:
        """Return when it is time to publish: all who wait here go on in the same turn of the loop."""
        with self.idle():
            if self._in_hand:
                await self._next_moment()

    @contextmanager
    def idle(self) -> Iterator[None]:
        """The task that runs this is no work in hand for as long as the context lasts: it waits for others."""
        work = asyncio.current_task()
        is_in_hand = work in self._in_hand
        self.end(work)
        try:
            yield
        finally:
            if is_in_hand:
                self.begin(work)

    async def _next_moment(self) -> None:
        self._waiting += 1
        if self._waiting >= self._most:
            self._come()
            return
        if self._latest is None:
            self._latest = asyncio.get_running_loop().call_later(self._seconds, self._come)
        await self._moment.wait()

    def _come(self) -> None:
        if self._latest is not None:
            self._latest.cancel()
            self._latest = None
        if self._waiting:
            self._waiting = 0
            self._moment.set()
            self._moment = asyncio.Event()
