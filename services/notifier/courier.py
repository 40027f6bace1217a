"""One attempt at a delivery: sign, post, record what became of it."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from services.notifier.domain.delivery import (
    Attempt,
    AttemptError,
    Delivery,
    DeliveryId,
    DeliveryState,
    refusal,
)
from services.notifier.domain.signature import WebhookSecret, signed_headers
from shared.errors import Permanent, Transient

log = logging.getLogger(__name__)

KEPT_RESPONSE_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered; `body` is its beginning."""

    status: int
    body: bytes


class CallbackEndpoint(Protocol):
    """Posts to a URL that a user gave."""

    async def post(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Return any answer, a refusal too. Without one raise `Permanent` or `Transient`."""
        ...


class AttemptBook(Protocol):
    """Keeps what became of each attempt."""

    async def record(self, delivery_id: DeliveryId, attempt: Attempt) -> DeliveryState:
        """Add the attempt and return the state of the delivery after it; of a deleted one nothing is kept."""
        ...


class Courier:
    """Makes attempts. If the process dies between post and record, the same `webhook-id` is posted again later."""

    def __init__(
        self,
        endpoint: CallbackEndpoint,
        book: AttemptBook,
        secret: WebhookSecret,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint = endpoint
        self._book = book
        self._secret = secret
        self._now = now
        self._seconds = seconds

    async def attempt(self, delivery: Delivery, *, trigger: str) -> DeliveryState:
        """Post once and record it. A failure is a fact in the record, not an exception."""
        attempt = await self._post(delivery, trigger)
        state = await self._book.record(delivery.delivery_id, attempt)
        log.info(
            "callback attempted",
            extra={
                "request_id": delivery.request_id,
                "delivery_id": delivery.delivery_id,
                "host": delivery.host,
                "status": attempt.status,
                "code": attempt.error.code if attempt.error else None,
                "state": state,
            },
        )
        return state

    async def _post(self, delivery: Delivery, trigger: str) -> Attempt:
        at, started = self._now(), self._seconds()
        answer, error = await self._answer(delivery, at)
        return Attempt(
            at=at,
            trigger=trigger,
            duration_ms=round((self._seconds() - started) * 1000),
            status=answer.status if answer else None,
            response=_beginning(answer.body) if answer else None,
            error=error,
        )

    async def _answer(self, delivery: Delivery, at: datetime) -> tuple[Answer | None, AttemptError | None]:
        body = delivery.body.encode()
        headers = {
            "content-type": "application/json",
            **signed_headers(self._secret, message_id=delivery.delivery_id, timestamp=int(at.timestamp()), body=body),
        }
        try:
            answer = await self._endpoint.post(delivery.url, body=body, headers=headers)
        except (Permanent, Transient) as failure:
            return None, AttemptError(failure.code, failure.message)
        return answer, refusal(answer.status)


def _beginning(body: bytes) -> str:
    """Text that Postgres can hold, whatever the receiver sent."""
    return body[:KEPT_RESPONSE_BYTES].decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
