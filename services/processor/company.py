"""Work that goes well in company, and work that must be alone."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext

_Guest = tuple[asyncio.Future[None], bool]


class Company:
    """Lets many in together, or one alone, in the order in which they came. Whoever waits is in `while_waiting`."""

    def __init__(self, while_waiting: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._while_waiting = while_waiting
        self._waiting: deque[_Guest] = deque()
        self._together = 0
        self._is_one_alone = False

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """Hold a place beside others."""
        await self._enter(alone=False)
        try:
            yield
        finally:
            self._leave(alone=False)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Hold the only place: those inside leave first, and those who come meanwhile wait."""
        await self._enter(alone=True)
        try:
            yield
        finally:
            self._leave(alone=True)

    async def _enter(self, *, alone: bool) -> None:
        if not (alone or self._waiting or self._is_one_alone):
            self._together += 1
            return
        let_in = asyncio.get_running_loop().create_future()
        self._waiting.append((let_in, alone))
        self._let_in()
        try:
            await self._until_done(let_in)
        except asyncio.CancelledError:
            if let_in.cancelled():
                self._let_in()
            else:
                self._leave(alone=alone)
            raise

    async def _until_done(self, let_in: asyncio.Future[None]) -> None:
        if not let_in.done():
            with self._while_waiting():
                await let_in

    def _leave(self, *, alone: bool) -> None:
        if alone:
            self._is_one_alone = False
        else:
            self._together -= 1
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and not self._is_one_alone:
            let_in, alone = self._waiting[0]
            if not let_in.done():
                if alone and self._together:
                    return
                self._is_one_alone = alone
                self._together += not alone
                let_in.set_result(None)
            self._waiting.popleft()
