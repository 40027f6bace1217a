"""Looks at every request that has no end, page by page, and finds out why it does not move.

What rows alone can prove is said at once: a complete chunk that is not recorded, an end that nobody reached. What may
only be late is left to barriers.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from services.aggregator.behind_barrier import BehindBarrier
from services.aggregator.domain.open_request import OpenRequest
from services.aggregator.domain.standstill import Reminders, Standstill, Standstills
from services.aggregator.known_requests import RequestGone
from services.aggregator.metrics import WATCHDOG_ACTIONS
from services.aggregator.on_image_processed import ChunkId
from shared.events import ChunkCompleted
from shared.ids import RequestId
from shared.kafka.producer import Facts
from shared.request_files import RequestFile
from shared.topics import REQUESTS_ACCEPTED, REQUESTS_PROGRESS

log = logging.getLogger(__name__)

PAGE: Final = 200
# How many rounds of looks fit into the patience.
LOOKS: Final = 4


class OpenRequests(Protocol):
    async def page(self, after: RequestId | None, *, limit: int) -> Sequence[OpenRequest]:
        """The next requests without an end, by id."""
        ...

    async def forget_ended(self) -> None:
        """Remove what was counted for requests that have ended."""
        ...


class RequestFiles(Protocol):
    async def file(self, request_id: RequestId) -> RequestFile:
        """Read `request.json`; raises `RequestGone`."""
        ...


class StalledRequests:
    """One page a turn; a round begins some time after the one before, or later when there are many requests."""

    def __init__(
        self,
        requests: OpenRequests,
        files: RequestFiles,
        facts: Facts,
        *,
        standstills: Standstills,
        releases: BehindBarrier,
        images: BehindBarrier,
        patience: timedelta,
        page: int = PAGE,
    ) -> None:
        self._requests = requests
        self._files = files
        self._facts = facts
        self._standstills = standstills
        self._releases = releases
        self._images = images
        self._reminders = Reminders(patience)
        self._pause = patience / LOOKS
        self._page = page
        self._after: RequestId | None = None
        self._seen: set[RequestId] = set()
        self._next_round: datetime | None = None

    async def turn(self, now: datetime) -> None:
        """Look at the next page. Raises `DependencyAway`, and looks at the same page next time."""
        if self._after is None and self._next_round is not None and now < self._next_round:
            return
        page = await self._requests.page(self._after, limit=self._page)
        for request in page:
            self._seen.add(request.request_id)
            standstill = self._standstills.look(request, now)
            if standstill is not None:
                await self._help(request, standstill, now)
        if len(page) < self._page:
            await self._end_round(now)
        else:
            self._after = page[-1].request_id

    async def _end_round(self, now: datetime) -> None:
        await self._requests.forget_ended()
        self._standstills.forget_all_but(self._seen)
        self._after, self._seen, self._next_round = None, set(), now + self._pause

    async def _help(self, request: OpenRequest, standstill: Standstill, now: datetime) -> None:
        what = (request.request_id, standstill.signature)
        if (request.is_all_recorded or request.unrecorded()) and self._reminders.is_due(what, now):
            await self._say_again(request)
            self._reminders.said(what, now)
        for chunk in request.untouched():
            barrier = self._images if chunk in standstill.released_again else self._releases
            barrier.notice(ChunkId(request.request_id, chunk))
        for chunk in request.incomplete():
            self._images.notice(ChunkId(request.request_id, chunk))

    async def _say_again(self, request: OpenRequest) -> None:
        try:
            file = await self._files.file(request.request_id)
        except RequestGone:
            return
        if file.chunks_total == 0:
            await self._facts.publish(REQUESTS_ACCEPTED, file.accepted())
        else:
            # Of a request whose chunks are all recorded, any completed chunk reaches the end.
            chunks = request.unrecorded() or [file.chunks_total - 1]
            await self._facts.publish(REQUESTS_PROGRESS, *(_completed(file, chunk) for chunk in chunks))
        WATCHDOG_ACTIONS.labels("completed").inc()
        log.warning("completed chunks said again", extra={"request_id": request.request_id})


def _completed(file: RequestFile, chunk: int) -> ChunkCompleted:
    return ChunkCompleted(
        request_id=file.request_id,
        owner=file.owner,
        chunk=chunk,
        chunks_total=file.chunks_total,
        window=file.window,
    )
