"""`retry.requested`: dead letters were replayed, so what failed or was not attempted is tried again.

The record names the new request: however often it is delivered, it asks for one and the same.
"""

import logging
from typing import Final, Protocol
from uuid import UUID, uuid5

from services.ingest.acceptance import Accepted
from services.ingest.retry_request import RetryRefused
from shared.events import RetryRequested
from shared.ids import Owner, RequestId
from shared.kafka.records import Received, Trigger

log = logging.getLogger(__name__)

_NAMESPACE: Final = UUID("b7c1f4de-6d0e-5a53-9d43-0b8e6f0a2c57")


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
            accepted = await self._retry.once(event.request_id, event.owner, named=retry_named_by(received.trigger))
        except RetryRefused as refusal:
            fields = {"request_id": event.request_id, "reason": type(refusal).__doc__}
            log.warning("retry passed over", extra=fields)
            return
        if accepted is not None:
            fields = {"request_id": event.request_id, "retry": accepted.request.request_id, "reason": event.reason}
            log.info("request retried", extra=fields)


def retry_named_by(trigger: Trigger) -> RequestId:
    """The name of the request that a record asks for."""
    return RequestId(str(uuid5(_NAMESPACE, str(trigger))))
