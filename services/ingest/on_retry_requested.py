"""`retry.requested`: dead letters were replayed, so what failed or was not attempted is tried again.

The event names the new request: however often it is said or delivered, it asks for one and the same.
"""

import logging
from datetime import UTC, datetime
from typing import Final, Protocol

from services.ingest.acceptance import Accepted
from services.ingest.csv_upload import UploadLost, UploadTooSlow
from services.ingest.retry_request import RetryRefused
from shared.events import RetryRequested
from shared.ids import Owner, RequestId
from shared.kafka.records import Received

log = logging.getLogger(__name__)

# A retry that fails so often is too large for this deployment; whoever needs it can ask for it over HTTP.
ROUNDS: Final = 3


class Retry(Protocol):
    async def once(
        self, request_id: RequestId, owner: Owner, *, named: RequestId, accepted_at: datetime
    ) -> Accepted | None:
        """Accept a retry of this very name; None when there is one, or was.

        Raises `RetryRefused`, `UploadTooSlow`, `UploadLost`.
        """
        ...


class OnRetryRequested:
    def __init__(self, retry: Retry) -> None:
        self._retry = retry

    async def __call__(self, received: Received[RetryRequested]) -> None:
        event = received.event
        try:
            accepted = await self._in_rounds(event, accepted_at=_time_of(received))
        except (RetryRefused, UploadTooSlow, UploadLost) as refusal:
            fields = {"request_id": event.request_id, "retry": event.retry_id, "reason": type(refusal).__doc__}
            log.warning("retry passed over", extra=fields)
            return
        if accepted is not None:
            fields = {"request_id": event.request_id, "retry": event.retry_id, "reason": event.reason}
            log.info("request retried", extra=fields)

    async def _in_rounds(self, event: RetryRequested, *, accepted_at: datetime) -> Accepted | None:
        for _ in range(1, ROUNDS):
            try:
                return await self._retry.once(
                    event.request_id, event.owner, named=event.retry_id, accepted_at=accepted_at
                )
            except (UploadTooSlow, UploadLost):
                log.info("retry begins anew", extra={"request_id": event.request_id, "retry": event.retry_id})
        return await self._retry.once(event.request_id, event.owner, named=event.retry_id, accepted_at=accepted_at)


def _time_of(received: Received[RetryRequested]) -> datetime:
    """The time of the record: the same for all who work at it, so that a late one writes the same request.json."""
    assert received.record is not None
    return datetime.fromtimestamp(received.record.timestamp_ms / 1000, UTC)
