"""Looks at every request that has no end, page by page, and tells why it does not move.

It only notices: what seems to be lost may be late, and is left to barriers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from services.aggregator.domain.open_request import OpenRequest
from services.aggregator.domain.standstill import Standstill, Standstills
from services.aggregator.on_image_processed import ChunkId
from shared.ids import RequestId

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


class Notices(Protocol):
    def notice(self, chunk: ChunkId) -> None:
        """Look after this chunk once it is sure that nothing is merely late."""


@dataclass(frozen=True, slots=True)
class Suspicions:
    """Where chunks go: the complete ones that are not recorded, those that were not released, those with holes."""

    completions: Notices
    releases: Notices
    images: Notices


class StalledRequests:
    """One page a turn; a round begins some time after the one before, or later when there are many requests."""

    def __init__(
        self,
        requests: OpenRequests,
        standstills: Standstills,
        suspicions: Suspicions,
        *,
        patience: timedelta,
        page: int = PAGE,
    ) -> None:
        self._requests = requests
        self._standstills = standstills
        self._suspicions = suspicions
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
                self._suspect(request, standstill)
        if len(page) < self._page:
            await self._end_round(now)
        else:
            self._after = page[-1].request_id

    async def _end_round(self, now: datetime) -> None:
        await self._requests.forget_ended()
        self._standstills.forget_all_but(self._seen)
        self._after, self._seen, self._next_round = None, set(), now + self._pause

    def _suspect(self, request: OpenRequest, standstill: Standstill) -> None:
        def all_to(notices: Notices, chunks: Sequence[int]) -> None:
            for chunk in chunks:
                notices.notice(ChunkId(request.request_id, chunk))

        if request.is_all_recorded:
            # Any chunk that is said to be complete reaches the end now.
            all_to(self._suspicions.completions, [max(0, request.chunks_total - 1)])
        all_to(self._suspicions.completions, request.unrecorded())
        untouched, released = request.untouched(), standstill.released_again
        all_to(self._suspicions.releases, [chunk for chunk in untouched if chunk not in released])
        all_to(self._suspicions.images, [chunk for chunk in untouched if chunk in released])
        all_to(self._suspicions.images, request.incomplete())
