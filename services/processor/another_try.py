"""What becomes of an image that did not work out: it is tried later, or it is given up and laid among the dead letters.

An image that is given up is a dead letter first and a result then. A crash in between repeats both, and readers take
both twice. The other way round a crash could leave a failed image that no dead letter tells of.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from services.processor.domain.outcome import as_image_error, failed
from services.processor.domain.retry_policy import Defer, GiveUp, NextStep, Retry, next_step
from services.processor.metrics import DEAD_LETTERS, DEFERRALS, RETRIES, count
from shared.errors import Permanent, Transient
from shared.events import Event, ImageProcessed, ImageRequested
from shared.kafka.producer import Facts
from shared.kafka.records import Received, Rest
from shared.kafka.retry_tiers import NOT_BEFORE, Reason, Tries, tries_of
from shared.topics import IMAGES_PROCESSED


class Tiers(Protocol):
    """Where records wait for their next try. Each method raises `DependencyAway` when it cannot be known.

    `failed_at` is when what it follows from happened.
    """

    async def retry(
        self, received: Received[Event], reason: Reason, *, after: timedelta, failed_at: datetime
    ) -> None: ...

    async def defer(
        self, received: Received[Event], reason: Reason, *, after: timedelta, failed_at: datetime
    ) -> None: ...

    async def give_up(
        self, received: Received[Event], reason: Reason, *, made: int, failed_at: datetime | None = None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class _Failure:
    """What happened to an image, and when."""

    received: Received[ImageRequested]
    error: Transient
    at: datetime
    duration_ms: int


class AnotherTry:
    """Sends images on to their next try, for as many tries and as long as the rules allow."""

    def __init__(self, tiers: Tiers, facts: Facts, *, patience: timedelta, now: Callable[[], datetime]) -> None:
        self._tiers = tiers
        self._facts = facts
        self._patience = patience
        self._now = now

    def after(self, received: Received[ImageRequested], error: Transient, *, duration_ms: int) -> Rest:
        """Decide what becomes of it, once and now: what is left to do says the same however late it is done.

        It is done when the record waits for its next try, or when its end was told.
        """
        failure, tries = _Failure(received, error, self._now(), duration_ms), tries_of(received.headers)
        step = next_step(
            error,
            made=tries.made,
            failing_for=tries.failing_for(failure.at),
            patience=self._patience,
            due_after=_due_after(received.headers, tries),
        )
        return partial(self._take, step, failure)

    async def give_up(
        self, received: Received[ImageRequested], error: Permanent | Transient, *, attempts: int, duration_ms: int
    ) -> None:
        """Return when the dead letter and the failed result are acknowledged."""
        result = failed(received.event, error, attempts=attempts, duration_ms=duration_ms)
        await self._end(received, result, attempts=attempts, failed_at=None)

    async def _take(self, step: NextStep, failure: _Failure) -> None:
        received, error = failure.received, failure.error
        code = as_image_error(error).code
        match step:
            case Retry(after):
                await self._tiers.retry(received, error, after=after, failed_at=failure.at)
                RETRIES.labels(code).inc()
            case Defer(after):
                await self._tiers.defer(received, error, after=after, failed_at=failure.at)
                DEFERRALS.labels(code).inc()
            case GiveUp():
                attempts = tries_of(received.headers).made + (not error.defers)
                result = failed(received.event, error, attempts=attempts, duration_ms=failure.duration_ms)
                await self._end(received, result, attempts=attempts, failed_at=failure.at)

    async def _end(
        self, received: Received[ImageRequested], result: ImageProcessed, *, attempts: int, failed_at: datetime | None
    ) -> None:
        assert result.error is not None, "a failed result names its error"
        await self._tiers.give_up(received, result.error, made=attempts, failed_at=failed_at)
        await self._facts.publish(IMAGES_PROCESSED, result)
        DEAD_LETTERS.labels(result.error.code).inc()
        count(result)


def _due_after(headers: Mapping[str, str], tries: Tries) -> timedelta:
    """How long after its first failure this try was to be made; nothing when the headers do not say."""
    try:
        due = datetime.fromisoformat(headers.get(NOT_BEFORE, ""))
    except ValueError:
        return timedelta(0)
    if tries.first_failed_at is None or due.tzinfo is None:
        return timedelta(0)
    return due - tries.first_failed_at
