"""When a request has reached its end, its callback URL is told."""

from typing import Protocol

from services.notifier.domain.delivery import Delivery, DeliveryState, delivery_owed
from shared.events import RequestCompleted
from shared.ids import RequestId
from shared.kafka.records import Received


class Callbacks(Protocol):
    """What was agreed when the request was accepted."""

    async def url_for(self, request_id: RequestId) -> str | None:
        """The callback URL, or None when none was given or the request was deleted since."""
        ...


class Deliveries(Protocol):
    """What is owed to whom."""

    async def owe(self, delivery: Delivery) -> Delivery:
        """Keep a delivery unless it is known, and return it as it is kept."""
        ...


class Attempts(Protocol):
    """Tries at deliveries."""

    async def attempt(self, delivery: Delivery, *, trigger: str) -> DeliveryState: ...


class OnRequestCompleted:
    """Owes the delivery and makes the first attempt; an event that comes again finds the delivery settled."""

    def __init__(self, callbacks: Callbacks, deliveries: Deliveries, attempts: Attempts) -> None:
        self._callbacks = callbacks
        self._deliveries = deliveries
        self._attempts = attempts

    async def __call__(self, received: Received[RequestCompleted]) -> None:
        url = await self._callbacks.url_for(received.event.request_id)
        if url is None:
            return
        delivery = await self._deliveries.owe(delivery_owed(received.event, url))
        if delivery.state == "pending":
            await self._attempts.attempt(delivery, trigger=str(received.trigger))
