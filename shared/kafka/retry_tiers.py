"""Trying later without sleeping: topics whose records are due a fixed time after their append.

The head of a tier is always its next due record, so nothing waits behind something that is due later. Any other delay
is made of hops: a record says `not-before`, and when it leaves a tier too early it enters the largest tier that fits
the rest. What fell due while nobody read happens as soon as somebody does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from shared.events import Event, rfc3339
from shared.kafka.cloudevents import Encoded, Headers, encode
from shared.kafka.dead_letters import ERROR_CODE, ERROR_MESSAGE, ORIGIN_OFFSET, ORIGIN_PARTITION, ORIGIN_TOPIC
from shared.kafka.records import Received, Record
from shared.topics import Topic
from shared.trace_context import current_traceparent

ATTEMPT: Final = "attempt"
NOT_BEFORE: Final = "not-before"
FIRST_FAILED_AT: Final = "first-failed-at"

OWN_HEADERS: Final = frozenset(
    {ATTEMPT, NOT_BEFORE, FIRST_FAILED_AT, ORIGIN_TOPIC, ORIGIN_PARTITION, ORIGIN_OFFSET, ERROR_CODE, ERROR_MESSAGE}
)
# Clocks of brokers and of their clients differ a little; a hop for less would only be late.
TOLERANCE: Final = timedelta(milliseconds=250)
# Nothing waits for longer; a header that asks for more is no reason to hop for ever.
LONGEST_WAIT: Final = timedelta(days=7)
_MOST_DIGITS: Final = 6


class Reason(Protocol):
    """Why it did not work."""

    @property
    def code(self) -> str: ...

    @property
    def message(self) -> str: ...


class Appends(Protocol):
    async def append(self, topic: Topic, record: Encoded) -> None:
        """Return when the record is acknowledged; raise `DependencyAway` when that takes too long."""


@dataclass(frozen=True, slots=True)
class Tries:
    """What a record says of its past. `made` counts attempts; a deferral is none."""

    made: int = 0
    first_failed_at: datetime | None = None

    def failing_for(self, now: datetime) -> timedelta:
        """How long ago the first failure was; nothing when this is the first."""
        return timedelta(0) if self.first_failed_at is None else now - self.first_failed_at


def tries_of(headers: Mapping[str, str]) -> Tries:
    """Read the headers of a record. One that says nothing sensible was never tried."""
    made = headers.get(ATTEMPT, "")
    is_number = made.isascii() and made.isdigit() and len(made) <= _MOST_DIGITS
    return Tries(int(made) if is_number else 0, _moment(headers.get(FIRST_FAILED_AT)))


class RetryTiers:
    """One family of tiers and the topic of those who are given up. A step may be repeated: readers take it twice.

    `failed_at` is for steps that are taken later than they were decided: all times count from there.
    """

    def __init__(
        self, tiers: Sequence[Topic], dead: Topic, appends: Appends, *, source: str, now: Callable[[], datetime]
    ) -> None:
        self._tiers = sorted(tiers, key=lambda tier: tier.delay)
        self._dead = dead
        self._appends = appends
        self._source = source
        self._now = now

    async def retry(
        self, received: Received[Event], reason: Reason, *, after: timedelta, failed_at: datetime | None = None
    ) -> None:
        """Have this very record again after a while, with one more attempt counted."""
        made = tries_of(received.headers).made + 1
        await self._again(received, reason, made=made, after=after, failed_at=failed_at or self._now())

    async def defer(
        self, received: Received[Event], reason: Reason, *, after: timedelta, failed_at: datetime | None = None
    ) -> None:
        """Have this very record again after a while; no attempt is counted."""
        made = tries_of(received.headers).made
        await self._again(received, reason, made=made, after=after, failed_at=failed_at or self._now())

    async def schedule(
        self, event: Event, received: Received[Event], reason: Reason | None, *, made: int, after: timedelta
    ) -> None:
        """Have `event`, which follows from the record in hand, after a while; `made` attempts are counted."""
        now = self._now()
        encoded = encode(event, source=self._source, now=now, traceparent=current_traceparent())
        await self._enter(encoded, _marks(received, reason, made=made, failed_at=now), since=now, after=after)

    async def give_up(
        self,
        received: Received[Event],
        reason: Reason,
        *,
        made: int,
        event: Event | None = None,
        failed_at: datetime | None = None,
    ) -> None:
        """Lay the record in hand, or `event`, among the dead letters; `made` attempts were counted in all."""
        marks = _marks(received, reason, made=made, failed_at=failed_at or self._now())
        encoded = _as_written(received) if event is None else encode(event, source=self._source, now=self._now())
        await self._appends.append(self._dead, _marked(encoded, marks))

    async def hop(self, record: Record) -> bool:
        """Send a record that left its tier too early into the next one; False when its time has come."""
        rest = _rest(record, self._now())
        if not TOLERANCE < rest <= LONGEST_WAIT:
            return False
        await self._appends.append(
            self._tier_for(rest), Encoded(record.key or b"", record.value or b"", record.headers)
        )
        return True

    async def _again(
        self, received: Received[Event], reason: Reason, *, made: int, after: timedelta, failed_at: datetime
    ) -> None:
        marks = _marks(received, reason, made=made, failed_at=failed_at)
        await self._enter(_as_written(received), marks, since=failed_at, after=after)

    async def _enter(self, encoded: Encoded, marks: Mapping[str, str], *, since: datetime, after: timedelta) -> None:
        due = since + after
        # A moment that has passed meanwhile is no reason to take a smaller tier.
        tier = self._tier_for(min(after, due - self._now() + TOLERANCE))
        await self._appends.append(tier, _marked(encoded, {**marks, NOT_BEFORE: rfc3339(due)}))

    def _tier_for(self, delay: timedelta) -> Topic:
        fitting = [tier for tier in self._tiers if tier.delay <= delay]
        return fitting[-1] if fitting else self._tiers[0]


def _marks(received: Received[Event], reason: Reason | None, *, made: int, failed_at: datetime) -> dict[str, str]:
    """Where it all began stays; what was last counts."""
    headers, trigger = received.headers, received.trigger
    marks = {
        ATTEMPT: str(made),
        FIRST_FAILED_AT: headers.get(FIRST_FAILED_AT, rfc3339(failed_at)),
        ORIGIN_TOPIC: headers.get(ORIGIN_TOPIC, trigger.topic),
        ORIGIN_PARTITION: headers.get(ORIGIN_PARTITION, str(trigger.partition)),
        ORIGIN_OFFSET: headers.get(ORIGIN_OFFSET, str(trigger.offset)),
    }
    return marks if reason is None else {**marks, ERROR_CODE: reason.code, ERROR_MESSAGE: reason.message}


def _as_written(received: Received[Event]) -> Encoded:
    """The bytes that came: fields that a newer writer added are kept."""
    record = received.record
    assert record is not None, "only a record that was read can be read again"
    return Encoded(record.key or b"", record.value or b"", record.headers)


def _marked(encoded: Encoded, marks: Mapping[str, str]) -> Encoded:
    kept: Headers = tuple((name, value) for name, value in encoded.headers if name not in OWN_HEADERS)
    return Encoded(encoded.key, encoded.value, kept + tuple((name, value.encode()) for name, value in marks.items()))


def _rest(record: Record, now: datetime) -> timedelta:
    said = next((value for name, value in record.headers if name == NOT_BEFORE), None)
    due = _moment((said or b"").decode("ascii", "replace"))
    return timedelta(0) if due is None else due - now


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
