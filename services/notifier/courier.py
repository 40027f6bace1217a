"""One attempt at a delivery: sign, post, say what became of it."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from services.notifier.domain.delivery import Attempt, AttemptError, Delivery, asks_to_wait, refusal
from services.notifier.domain.progress import Tried
from services.notifier.domain.signature import WebhookSecret, signed_headers
from services.notifier.metrics import ATTEMPTS
from shared.errors import Permanent, Transient
from shared.suspension import Mark

log = logging.getLogger(__name__)

KEPT_RESPONSE_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered; `body` is its beginning, `retry_after_seconds` what it asked for, if it did."""

    status: int
    body: bytes
    retry_after_seconds: float | None = None


class CallbackEndpoint(Protocol):
    """Posts to a URL that a user gave."""

    async def post(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Return any answer, a refusal too. Without one raise `Permanent` or `Transient`."""
        ...


class Clearance(Protocol):
    """Whether a delivery may be posted."""

    async def secrets(self, delivery: Delivery, *, at: datetime) -> Sequence[WebhookSecret]:
        """The secrets that sign it, newest first; `Permanent` or `Transient` when it may not be posted."""
        ...


class Wakefulness(Protocol):
    """Whether this process itself stood still."""

    def mark(self) -> Mark:
        """A moment to compare with."""
        ...

    def stood_still_since(self, mark: Mark) -> bool: ...


class Courier:
    """Makes attempts. If the process dies before one is recorded, the same `webhook-id` is posted again later."""

    def __init__(
        self,
        endpoint: CallbackEndpoint,
        clearance: Clearance,
        wakefulness: Wakefulness,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint = endpoint
        self._clearance = clearance
        self._wakefulness = wakefulness
        self._now = now
        self._seconds = seconds

    async def attempt(self, delivery: Delivery, *, trigger: str) -> Tried:
        """Post once. A failure is a fact in the answer, not an exception."""
        at, started, mark = self._now(), self._seconds(), self._wakefulness.mark()
        answer, error = await self._answer(delivery, at)
        attempt = Attempt(
            at=at,
            trigger=trigger,
            duration_ms=round((self._seconds() - started) * 1000),
            status=answer.status if answer else None,
            response=_beginning(answer.body) if answer else None,
            error=error,
        )
        tried = Tried(attempt, wish=_wish(answer), was_suspended=self._wakefulness.stood_still_since(mark))
        ATTEMPTS.labels(_outcome(tried)).inc()
        _log(delivery, attempt)
        return tried

    async def _answer(self, delivery: Delivery, at: datetime) -> tuple[Answer | None, AttemptError | None]:
        body = delivery.body.encode()
        try:
            secrets = await self._clearance.secrets(delivery, at=at)
            signed = signed_headers(secrets, message_id=delivery.delivery_id, timestamp=int(at.timestamp()), body=body)
            headers = {"content-type": "application/json", **signed}
            answer = await self._endpoint.post(delivery.url, body=body, headers=headers)
        except (Permanent, Transient) as failure:
            return None, AttemptError(failure.code, failure.message)
        return answer, refusal(answer.status)


def _outcome(tried: Tried) -> str:
    if not tried.was_posted:
        return "not_posted"
    return "succeeded" if tried.attempt.succeeded else "failed"


def _wish(answer: Answer | None) -> timedelta | None:
    if answer is None or answer.retry_after_seconds is None or not asks_to_wait(answer.status):
        return None
    return timedelta(seconds=answer.retry_after_seconds)


def _log(delivery: Delivery, attempt: Attempt) -> None:
    log.info(
        "callback attempted",
        extra={
            "request_id": delivery.request_id,
            "delivery_id": delivery.delivery_id,
            "host": delivery.host,
            "trigger": attempt.trigger,
            "status": attempt.status,
            "code": attempt.error.code if attempt.error else None,
            "duration_ms": attempt.duration_ms,
        },
    )


def _beginning(body: bytes) -> str:
    """Text that Postgres can hold, whatever the receiver sent."""
    return body[:KEPT_RESPONSE_BYTES].decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
