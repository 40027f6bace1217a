"""`retry.requested`: dead letters were replayed, so what failed or was not attempted is tried again.

The event names the new request: however often it is said or delivered, it asks for one and the same.
"""

import logging
from typing import Protocol

from services.ingest.acceptance import Accepted
from services.ingest.retry_request import RetryRefused
from shared.events import RetryRequested
from shared.ids import Owner, RequestId
from shared.kafka.records import Received

log = logging.getLogger(__name__)


class Retry(Protocol):
    async def once(self, request_id: RequestId, owner: Owner, *, named: RequestId) -> Accepted | None:
        """Accept a retry of this very name; None when there is one. Raises `RetryRefused`."""
        ...


class OnRetryRequested:
    def __init__(self, retry: Retry) -> None:
        self._retry = retry

    async def __call__(self, received: Received[RetryRequested]) -> None:
        event = received.event
        try:
            accepted = await self._retry.once(event.request_id, event.owner, named=event.retry_id)
        except RetryRefused as refusal:
            fields = {"request_id": event.request_id, "reason": type(refusal).__doc__}
            log.warning("retry passed over", extra=fields)
            return
        if accepted is not None:
            fields = {"request_id": event.request_id, "retry": accepted.request.request_id, "reason": event.reason}
            log.info("request retried", extra=fields)
