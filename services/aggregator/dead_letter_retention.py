"""Dead letters are forgotten when their topic forgets them."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from services.aggregator.domain.dead_letter import DEAD_LETTER_TOPICS, DeadLetterKind
from shared.errors import DependencyAway
from shared.stopping import pause

log = logging.getLogger(__name__)

SECONDS_BETWEEN: Final = 3600.0


class LetterRows(Protocol):
    async def remove_older(self, kind: DeadLetterKind, than: datetime) -> None: ...


class DeadLetterRetention:
    """A role. Several may run at once."""

    def __init__(
        self, rows: LetterRows, *, now: Callable[[], datetime], every_seconds: float = SECONDS_BETWEEN
    ) -> None:
        self._rows = rows
        self._now = now
        self._every_seconds = every_seconds

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.forget_old()
            except DependencyAway as away:
                log.warning("old dead letters stay for now", extra={"part": away.part, "reason": away.reason})
            await pause(stop, self._every_seconds)

    async def forget_old(self) -> None:
        for kind, topic in DEAD_LETTER_TOPICS.items():
            await self._rows.remove_older(kind, self._now() - topic.kept)
