"""The request became too old: it ends with what it has."""

from typing import Protocol

from services.aggregator.known_requests import RequestGone, RequestRow
from services.aggregator.request_gone import dropped
from shared.events import DeadlinePassed, EndState
from shared.ids import RequestId
from shared.kafka.records import Received, Trigger


class Requests(Protocol):
    async def row(self, request_id: RequestId) -> RequestRow: ...


class End(Protocol):
    async def reach(self, request: RequestRow, trigger: Trigger, *, state: EndState | None = None) -> None: ...


class OnDeadlinePassed:
    def __init__(self, requests: Requests, end: End) -> None:
        self._requests = requests
        self._end = end

    async def __call__(self, received: Received[DeadlinePassed]) -> None:
        try:
            request = await self._requests.row(received.event.request_id)
            await self._end.reach(request, received.trigger, state="expired")
        except RequestGone as gone:
            dropped(received, gone)
