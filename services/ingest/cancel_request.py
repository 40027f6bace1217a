"""Cancels a request: nothing more of it is released, and it ends with what it has.

The mark in Postgres is the cancellation; the word to the aggregator, which ends the request, follows beside the answer.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from shared.events import CancelRequested
from shared.ids import Owner, RequestId

log = logging.getLogger(__name__)

REASON = "The owner asked for it."


CancelState = Literal["pending", "processing", "cancelled"]


class Cancellation(NamedTuple):
    """A request that is to end, or has ended, because its owner asked for it."""

    request_id: RequestId
    owner: Owner
    requested_at: datetime
    state: CancelState

    def event(self) -> CancelRequested:
        return cancel_requested(self.request_id, self.owner)


Cancelling = Cancellation | Literal["ended", "unknown"]


class CancellableRequests(Protocol):
    async def mark_cancelled(self, request_id: RequestId, owner: Owner, now: datetime) -> Cancelling:
        """Mark a request that has not ended; marking it again changes nothing."""
        ...


class Cancellations(Protocol):
    def cancel_soon(self, cancelled: CancelRequested) -> None:
        """Publish the word beside the caller; what fails is published later by the sweeper."""
        ...


class CancelRequest:
    """Safe to be called twice: the assembler ends a request once, whatever it hears."""

    def __init__(
        self, requests: CancellableRequests, cancellations: Cancellations, *, now: Callable[[], datetime]
    ) -> None:
        self._requests = requests
        self._cancellations = cancellations
        self._now = now

    async def __call__(self, request_id: RequestId, owner: Owner) -> Cancelling:
        """Cancel a request unless it is unknown or has ended otherwise. Raises `DependencyAway` before the mark."""
        marking = await self._requests.mark_cancelled(request_id, owner, self._now())
        if isinstance(marking, Cancellation) and marking.state != "cancelled":
            log.info("cancel requested", extra={"request_id": request_id})
            self._cancellations.cancel_soon(marking.event())
        return marking


def cancel_requested(request_id: RequestId, owner: Owner) -> CancelRequested:
    return CancelRequested(request_id=request_id, owner=owner, reason=REASON)
