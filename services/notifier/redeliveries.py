"""Many deliveries once more, since a person asks for it: each is put into the shortest retry tier.

They fall due one after another, so that nobody is flooded, and the next call of an owner has to wait until the last
of them is due. A record that is read when its delivery is pending begins nothing anew; one that was delivered is sent
again by each call that asks for it.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, get_args

from services.notifier.domain.delivery import DeliveryState
from services.notifier.domain.endpoint_health import EndpointId, endpoint_id
from services.notifier.domain.redelivery import (
    Found,
    Place,
    Redelivery,
    RedeliveryReport,
    RedeliveryRunning,
    Repeatable,
)
from shared.errors import DependencyAway
from shared.events import DeliveryDue, rfc3339
from shared.ids import Owner
from shared.kafka.cloudevents import Encoded, encode
from shared.kafka.retry_tiers import NOT_BEFORE
from shared.topics import WEBHOOKS_RETRY, Topic

REDELIVER: Final = "redeliver"
"""Stands in a record that begins a schedule anew: the states from which it does, by commas."""

PER_SECOND: Final = 50
AT_ONCE: Final = 50
LONGEST_TURN: Final = timedelta(minutes=1)
"""How long a call that died holds off the next one of its owner."""


def states_named(header: str) -> Collection[DeliveryState]:
    """The states that a `redeliver` header names; words that are none mean nothing."""
    named = header.split(",")
    return {state for state in get_args(DeliveryState) if state in named}


class Deliveries(Protocol):
    async def matching(self, wanted: Redelivery) -> Found:
        """The oldest that fit, and how many do from there on."""
        ...

    async def take_turn(self, owner: Owner, *, at: datetime, until: datetime) -> datetime | None:
        """Hold off further redeliveries of the owner until then; when one is held off itself, until when that is."""
        ...

    async def end_turn(self, owner: Owner, *, taken_until: datetime, until: datetime) -> None:
        """Hold off further ones until another moment than the turn was taken for."""
        ...


class Endpoints(Protocol):
    async def disabled_among(self, names: Collection[EndpointId]) -> Collection[EndpointId]: ...


class Appends(Protocol):
    async def append(self, topic: Topic, record: Encoded) -> None:
        """Return when the record is acknowledged; raise `DependencyAway` when that takes too long."""


class Redeliveries:
    def __init__(
        self,
        deliveries: Deliveries,
        endpoints: Endpoints,
        appends: Appends,
        *,
        source: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._deliveries = deliveries
        self._endpoints = endpoints
        self._appends = appends
        self._source = source
        self._now = now

    async def __call__(self, wanted: Redelivery, *, dry_run: bool) -> RedeliveryReport:
        """Schedule what fits and may be called, at most `limit`; with `dry_run` only count it.

        Raises `RedeliveryRunning` when what the call before scheduled is not due yet.
        """
        if dry_run:
            _, report = await self._planned(wanted)
            return report
        return await self._in_turn(wanted)

    async def _in_turn(self, wanted: Redelivery) -> RedeliveryReport:
        begun = self._now()
        taken_until = begun + LONGEST_TURN
        if (busy_until := await self._deliveries.take_turn(wanted.owner, at=begun, until=taken_until)) is not None:
            raise RedeliveryRunning(busy_until - begun)
        # Where it fails, some may have been appended all the same.
        free_at = begun + WEBHOOKS_RETRY[0].delay
        try:
            report = await self._scheduled(wanted, *await self._planned(wanted))
            free_at = self._due(report.scheduled) if report.scheduled else begun
        finally:
            await self._deliveries.end_turn(wanted.owner, taken_until=taken_until, until=free_at)
        return report

    async def _planned(self, wanted: Redelivery) -> tuple[Sequence[Repeatable], RedeliveryReport]:
        found = await self._deliveries.matching(wanted)
        open_ones = await self._open(wanted.owner, found.first)
        disabled = len(found.first) - len(open_ones)
        return open_ones, RedeliveryReport(found.total, len(open_ones), disabled, found.end)

    async def _open(self, owner: Owner, found: Sequence[Repeatable]) -> Sequence[Repeatable]:
        names = {one.delivery_id: endpoint_id(owner, one.url) for one in found}
        disabled = await self._endpoints.disabled_among(set(names.values()))
        return [one for one in found if names[one.delivery_id] not in disabled]

    async def _scheduled(
        self, wanted: Redelivery, deliveries: Sequence[Repeatable], planned: RedeliveryReport
    ) -> RedeliveryReport:
        done: Place = wanted.after
        for begun in range(0, len(deliveries), AT_ONCE):
            some = deliveries[begun : begun + AT_ONCE]
            records = [self._record(wanted, one, begun + place) for place, one in enumerate(some)]
            try:
                await asyncio.gather(*(self._appends.append(WEBHOOKS_RETRY[0], record) for record in records))
            except DependencyAway as away:
                if not begun:
                    raise
                stopped = f"{away.part} is away"
                return RedeliveryReport(planned.matching, begun, planned.disabled, done, stopped)
            done = some[-1].place
        return planned

    def _record(self, wanted: Redelivery, one: Repeatable, place: int) -> Encoded:
        due = DeliveryDue(request_id=one.request_id, owner=wanted.owner, delivery_id=one.delivery_id, attempt=0)
        encoded = encode(due, source=self._source, now=self._now())
        marks = {REDELIVER: ",".join(sorted(wanted.states)), NOT_BEFORE: rfc3339(self._due(place))}
        headers = encoded.headers + tuple((name, value.encode()) for name, value in marks.items())
        return Encoded(encoded.key, encoded.value, headers)

    def _due(self, place: int) -> datetime:
        return self._now() + WEBHOOKS_RETRY[0].delay + timedelta(seconds=place / PER_SECOND)
