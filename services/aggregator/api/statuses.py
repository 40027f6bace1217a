"""Finds requests for their owners, and says how they stand."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.aggregator.api.links import Links
from services.aggregator.api.status_answer import RequestList, RequestStatus, status_of
from services.aggregator.domain.completion import Standing
from services.aggregator.domain.request_list import ListQuery, Place, cursor_after
from services.aggregator.known_requests import RequestRow, place_of
from shared.http.callers import unknown_request
from shared.ids import Owner, RequestId


class Requests(Protocol):
    """Requests as the read model has them; one whose row is still on its way is there as ingest accepted it."""

    async def find(self, request_id: RequestId) -> RequestRow | None: ...

    async def listed(self, query: ListQuery) -> Sequence[RequestRow]:
        """The first requests that fit, newest first."""
        ...


class Standings(Protocol):
    async def standings(self, request_ids: Sequence[RequestId]) -> Mapping[RequestId, Standing]:
        """How running requests stand; every one of them is in the answer."""
        ...


class Statuses:
    def __init__(self, requests: Requests, standings: Standings, links: Links) -> None:
        self._requests = requests
        self._standings = standings
        self._links = links

    async def find(self, request_id: RequestId, owner: Owner) -> RequestRow:
        """The request; raises the problem `unknown-request`."""
        row = await self._requests.find(request_id)
        if row is None or row.owner != owner:
            raise unknown_request()
        return row

    async def status(self, request_id: RequestId, owner: Owner) -> RequestStatus:
        """The status as it is shown."""
        (status,) = await self._shown([await self.find(request_id, owner)])
        return status

    async def listed(self, query: ListQuery) -> RequestList:
        """A page of statuses. The cursor names the last one: what is newer never moves it."""
        rows = await self._requests.listed(query)
        last: Place | None = place_of(rows[-1]) if len(rows) == query.limit else None
        return RequestList(items=await self._shown(rows), next_cursor=cursor_after(last) if last else None)

    async def _shown(self, rows: Sequence[RequestRow]) -> list[RequestStatus]:
        running = [row.request_id for row in rows if row.standing is None]
        standings = await self._standings.standings(running) if running else {}
        return [status_of(row, row.standing or standings[row.request_id], self._links) for row in rows]
