"""When a request has reached its end, its callback URL is told."""

from typing import Protocol

from services.notifier.domain.delivery import Delivery, delivery_owed
from shared.events import Event, RequestCompleted
from shared.ids import RequestId
from shared.kafka.records import Received


class Callbacks(Protocol):
    """What was agreed when the request was accepted."""

    async def url_for(self, request_id: RequestId) -> str | None:
        """The callback URL, or None when none was given or the request was deleted since."""
        ...


class Steps(Protocol):
    async def begin(self, received: Received[Event], delivery: Delivery) -> None:
        """Owe a delivery, and take its first step unless that was taken."""
        ...


class OnRequestCompleted:
    """Owes the delivery and takes its first step; an event that comes again finds what it did, or what others did."""

    def __init__(self, callbacks: Callbacks, steps: Steps) -> None:
        self._callbacks = callbacks
        self._steps = steps

    async def __call__(self, received: Received[RequestCompleted]) -> None:
        url = await self._callbacks.url_for(received.event.request_id)
        if url is not None:
            await self._steps.begin(received, delivery_owed(received.event, url))
