"""All keepers of one kind: started together, awaited together, stopped together."""

import asyncio
from collections.abc import Iterable
from typing import Any

from deploy.embedded.home import Home
from deploy.embedded.keeper import Keeper, Report
from deploy.embedded.part import Part


class Fleet:
    """The parts of a stack, or its services."""

    def __init__(self, home: Home, report: Report) -> None:
        self._home = home
        self._report = report
        self._keepers: dict[str, Keeper] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def names(self) -> list[str]:
        """What is kept running, in the order in which it was started."""
        return list(self._keepers)

    def start(self, parts: Iterable[Part]) -> None:
        """Keep these running as well."""
        for part in parts:
            keeper = Keeper(part, self._home, self._report)
            self._keepers[part.name] = keeper
            task = self._tasks[part.name] = asyncio.create_task(keeper.keep(), name=part.name)
            task.add_done_callback(self._note_end)

    async def all_ready(self) -> None:
        """Return once each was ready for the first time. What a keeper raises is a bug and is raised here."""
        await first_of(asyncio.gather(*(keeper.first_ready.wait() for keeper in self._keepers.values())), self._broken)

    async def broken(self) -> None:
        """Never return while all keepers work; raise what one of them raised."""
        await asyncio.shield(self._broken)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) and not self._broken.done():
            self._broken.set_exception(error)

    async def stop(self, names: Iterable[str] | None = None) -> None:
        """Stop some, or all, side by side."""
        leaving = list(self.names if names is None else names)
        await asyncio.gather(*(self._stop_one(name) for name in leaving))

    async def _stop_one(self, name: str) -> None:
        keeper, task = self._keepers.pop(name), self._tasks.pop(name)
        await keeper.stop()
        # Only a keeper that is still preparing its part has not ended by itself now.
        await asyncio.wait({task}, timeout=1)
        task.cancel()


async def first_of(work: asyncio.Future[Any], failure: asyncio.Future[Any]) -> None:
    """Wait for the work, unless the failure comes first; then raise it."""
    try:
        done, _ = await asyncio.wait([work, failure], return_when=asyncio.FIRST_COMPLETED)
        for future in done:
            future.result()
    finally:
        work.cancel()
