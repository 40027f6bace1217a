"""The records that a consumer works on, each in a task of its own, until their handlers are through with them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from shared.errors import DependencyAway
from shared.kafka.gathering import Gathering
from shared.kafka.lane import Lane
from shared.kafka.records import Record, Rest

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.2
LAST_RETRY_SECONDS = 5.0


class Dispatches(Protocol):
    async def dispatch(self, record: Record) -> Rest | None:
        """Have a record handled; return what is left to do when its place is given back."""


class RecordsInHand:
    """Works on as many records at once as there are places, and on none that is new while a part of ours is away.

    A record keeps its place until its handler returns. If that leaves a rest to do, it is done without a place, and
    the record is finished after it. `on_place` is called when a place may be free.
    """

    def __init__(
        self, dispatcher: Dispatches, *, places: int, gathering: Gathering, on_place: Callable[[], None]
    ) -> None:
        self._dispatcher = dispatcher
        self._places = places
        self._gathering = gathering
        self._on_place = on_place
        self._running: set[asyncio.Task[None]] = set()
        self._with_place: set[asyncio.Task[None]] = set()
        self._waiting_for_parts: set[asyncio.Task[None]] = set()
        self.failure: BaseException | None = None

    @property
    def has_place(self) -> bool:
        """Whether one more may be started."""
        return len(self._with_place) < self._places and not self._waiting_for_parts and self.failure is None

    def start(self, lane: Lane, record: Record) -> None:
        """Begin to work on a record; its lane is told when it is finished."""
        task = asyncio.create_task(self._work_on(lane, record))
        self._running.add(task)
        self._with_place.add(task)
        self._gathering.begin(task)
        task.add_done_callback(self._ended)

    async def finish(self, *, seconds: float) -> None:
        """Give them their time, then drop the rest: they come again."""
        # Whoever waits for a part of ours would wait for all of that time; its record comes again as well.
        for task in self._waiting_for_parts:
            task.cancel()
        if self._running:
            await asyncio.wait(set(self._running), timeout=seconds)
        if dropped := len(self._running):
            log.warning("records dropped unfinished", extra={"count": dropped})
        await self.drop()

    async def drop(self) -> None:
        """Leave all of them unfinished."""
        dropped = set(self._running)
        for task in dropped:
            task.cancel()
        if dropped:
            await asyncio.wait(dropped)

    async def _work_on(self, lane: Lane, record: Record) -> None:
        task = asyncio.current_task()
        assert task is not None
        rest = await self._until_parts_are_back(partial(self._dispatcher.dispatch, record), task)
        if rest is not None:
            self._give_place_back(task)
            await self._until_parts_are_back(rest, task)
        lane.finish(record)

    async def _until_parts_are_back(
        self, step: Callable[[], Awaitable[Rest | None]], task: asyncio.Task[None]
    ) -> Rest | None:
        delay = FIRST_RETRY_SECONDS
        try:
            while True:
                try:
                    return await step()
                except DependencyAway as away:
                    log.warning("record waits for a part", extra={"part": away.part, "reason": away.reason})
                    self._waiting_for_parts.add(task)
                    await asyncio.sleep(delay)
                    delay = min(2 * delay, LAST_RETRY_SECONDS)
        finally:
            self._waiting_for_parts.discard(task)

    def _give_place_back(self, task: asyncio.Task[None]) -> None:
        self._with_place.discard(task)
        # Whoever takes the place is other work in hand.
        self._on_place()
        self._gathering.end(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failure = self.failure or error
        self._give_place_back(task)
