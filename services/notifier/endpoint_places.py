"""How many webhooks are under way at once: in all, and towards one endpoint.

A dead endpoint holds each place for the whole timeout. So that it never delays a live one, it gets a few places; all
endpoints together of which no prompt answer is known leave some of them to those that are known to be prompt; and
who finds no place is put off instead of waiting in line, except for a moment where the answers come promptly.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

PROMPT_SECONDS: Final = 5.0
WAITING_ROOM: Final = 16
WAITING_PER_ENDPOINT: Final = 8
WAITING_SECONDS: Final = 1.0
UNPROVEN_SHARE: Final = 0.75
REMEMBERED: Final = 10_000


class EndpointPlaces:
    """Places for attempts, in one process."""

    def __init__(self, *, in_all: int, per_endpoint: int, waiting_seconds: float = WAITING_SECONDS) -> None:
        self._in_all = in_all
        self._per_endpoint = per_endpoint
        self._for_unproven = max(1, int(in_all * UNPROVEN_SHARE))
        self._waiting_seconds = waiting_seconds
        self._taken: Counter[str] = Counter()
        self._taken_unproven = 0
        self._waiting: Counter[str] = Counter()
        self._waiters: list[asyncio.Future[None]] = []
        self._was_prompt: OrderedDict[str, bool] = OrderedDict()

    @asynccontextmanager
    async def one(self, endpoint: str) -> AsyncIterator[bool]:
        """Hold a place towards `endpoint`, or say False when there is none to be had soon."""
        if not await self._found(endpoint):
            yield False
            return
        is_unproven = not self._was_prompt.get(endpoint, False)
        self._taken[endpoint] += 1
        self._taken_unproven += is_unproven
        try:
            yield True
        finally:
            self._taken_unproven -= is_unproven
            self._leave(endpoint)

    def is_crowded(self, endpoint: str) -> bool:
        """Whether there is neither a place nor room to wait for one."""
        return not self._is_free(endpoint) and not self._may_wait(endpoint)

    def learn(self, endpoint: str, *, was_prompt: bool) -> None:
        """Remember whether an endpoint gave any answer promptly when it was last tried."""
        self._was_prompt[endpoint] = was_prompt
        self._was_prompt.move_to_end(endpoint)
        if len(self._was_prompt) > REMEMBERED:
            self._was_prompt.popitem(last=False)

    async def _found(self, endpoint: str) -> bool:
        if self._is_free(endpoint):
            return True
        if not self._may_wait(endpoint):
            return False
        self._waiting[endpoint] += 1
        try:
            async with asyncio.timeout(self._waiting_seconds):
                while not self._is_free(endpoint):
                    await self._next_leave()
                return True
        except TimeoutError:
            return False
        finally:
            _less(self._waiting, endpoint)

    def _is_free(self, endpoint: str) -> bool:
        if self._taken.total() >= self._in_all or self._taken[endpoint] >= self._per_endpoint:
            return False
        return self._was_prompt.get(endpoint, False) or self._taken_unproven < self._for_unproven

    def _may_wait(self, endpoint: str) -> bool:
        has_room = self._waiting.total() < WAITING_ROOM and self._waiting[endpoint] < WAITING_PER_ENDPOINT
        return has_room and self._was_prompt.get(endpoint, True)

    async def _next_leave(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            self._waiters.remove(waiter)

    def _leave(self, endpoint: str) -> None:
        _less(self._taken, endpoint)
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


def _less(counted: Counter[str], name: str) -> None:
    counted[name] -= 1
    if not counted[name]:
        del counted[name]
