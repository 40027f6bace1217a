"""When a request has reached its end, its callback URL is told."""

from typing import Protocol

from services.notifier.domain.delivery import Delivery, delivery_owed
from services.notifier.domain.progress import Owed
from shared.events import Event, RequestCompleted
from shared.ids import RequestId
from shared.kafka.records import Received


class Callbacks(Protocol):
    """What was agreed when the request was accepted."""

    async def url_for(self, request_id: RequestId) -> str | None:
        """The callback URL, or None when none was given or the request was deleted since."""
        ...


class Deliveries(Protocol):
    """What is owed to whom."""

    async def owe(self, delivery: Delivery) -> Owed:
        """Keep a delivery unless it is known, and return it as it is kept."""
        ...


class Steps(Protocol):
    async def take(self, received: Received[Event], owed: Owed, *, is_due: bool) -> None: ...


class OnRequestCompleted:
    """Owes the delivery and takes its first step; an event that comes again finds what it did, or what others did."""

    def __init__(self, callbacks: Callbacks, deliveries: Deliveries, steps: Steps) -> None:
        self._callbacks = callbacks
        self._deliveries = deliveries
        self._steps = steps

    async def __call__(self, received: Received[RequestCompleted]) -> None:
        url = await self._callbacks.url_for(received.event.request_id)
        if url is None:
            return
        owed = await self._deliveries.owe(delivery_owed(received.event, url))
        await self._steps.take(received, owed, is_due=owed.progress.is_untouched)
