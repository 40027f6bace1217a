"""Twins in memory of what the notifier keeps in Postgres."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.notifier.clearance import Clearance
from services.notifier.domain.delivery import AttemptError, Delivery, DeliveryId, DeliveryState
from services.notifier.domain.endpoint_health import (
    HEALTHY,
    Endpoint,
    EndpointHealth,
    EndpointId,
    endpoint_id,
    health_after,
)
from services.notifier.domain.history import MOST_LISTED, NumberedAttempt, RecordedDelivery
from services.notifier.domain.progress import Move, Owed, Progress, Tried, owed_since
from services.notifier.domain.redelivery import Found, Redelivery, Repeatable
from services.notifier.domain.webhook_secrets import MOST_SIGNING, SecretId, SecretTerm, TooManySecrets
from services.notifier.keyring import Keyring
from shared.ids import Owner, RequestId
from tests.unit.notifier.fakes import MASTER_KEY, NOON, SECRET

FIVE_DAYS = timedelta(days=5)


@dataclass
class EndpointsInMemory:
    """Endpoints that fail or are disabled, as Postgres keeps them."""

    kept: dict[EndpointId, tuple[Owner, str, EndpointHealth]] = field(default_factory=dict)
    told: list[Endpoint] = field(default_factory=list)

    def learn(self, owner: Owner, url: str, tried: Tried) -> None:
        name = endpoint_id(owner, url)
        _, _, before = self.kept.get(name, (owner, url, HEALTHY))
        after = health_after(before, tried, FIVE_DAYS)
        self.kept[name] = owner, url, after
        if not tried.says_nothing and not tried.attempt.succeeded:
            self._forget_silent(tried.attempt.at - FIVE_DAYS)
        if after.is_disabled and not before.is_disabled:
            self.told.append(Endpoint(name, url, after))

    def _forget_silent(self, before: datetime) -> None:
        for name, (_, _, health) in list(self.kept.items()):
            if not health.is_disabled and health.last_failed_at is not None and health.last_failed_at < before:
                del self.kept[name]

    async def is_disabled(self, name: EndpointId) -> bool:
        return bool(await self.disabled_among([name]))

    async def disabled_among(self, names: Collection[EndpointId]) -> Collection[EndpointId]:
        return {name for name, (_, _, health) in self.kept.items() if name in names and health.is_disabled}

    async def of_owner(self, owner: Owner) -> Sequence[Endpoint]:
        found = [Endpoint(name, url, health) for name, (whose, url, health) in self.kept.items() if whose == owner]
        return [one for one in found if one.health != HEALTHY]

    async def enable(self, owner: Owner, name: EndpointId) -> Endpoint | None:
        if name not in self.kept or self.kept[name][0] != owner:
            return None
        _, url, _ = self.kept[name]
        self.kept[name] = owner, url, HEALTHY
        return Endpoint(name, url, HEALTHY)


@dataclass
class SecretsInMemory:
    """Terms of secrets, as Postgres keeps them."""

    kept: dict[Owner, list[SecretTerm]] = field(default_factory=dict)
    inherited: dict[Owner, datetime] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: NOON
    _made: int = 0

    async def inherited_until(self, owner: Owner) -> datetime | None:
        return self.inherited.get(owner)

    async def of(self, owner: Owner) -> Sequence[SecretTerm]:
        return [term for term in self.kept.get(owner, []) if term.signs_at(self.now())]

    async def make(self, owner: Owner, overlap: timedelta) -> SecretTerm:
        signing, until = await self.of(owner), self.now() + overlap
        if overlap and len(signing) >= MOST_SIGNING:
            raise TooManySecrets
        self._made += 1
        made = SecretTerm(SecretId(str(UUID(int=self._made))), self.now())
        self.inherited[owner] = min(self.inherited.get(owner, until), until)
        ended = [replace(term, expires_at=min(term.expires_at or until, until)) for term in signing]
        self.kept[owner] = [made, *(term for term in ended if term.signs_at(self.now()))]
        return made

    async def end(self, owner: Owner, secret_id: SecretId) -> bool:
        before = self.kept.get(owner, [])
        self.kept[owner] = [term for term in before if term.secret_id != secret_id]
        return len(self.kept[owner]) < len(before)


def keyring(secrets: SecretsInMemory | None = None) -> Keyring:
    return Keyring(MASTER_KEY.encode(), SECRET, secrets or SecretsInMemory())


def clearance(endpoints: EndpointsInMemory | None = None, secrets: SecretsInMemory | None = None) -> Clearance:
    """Of endpoints that are enabled and an owner who has a secret, unless a test says otherwise."""
    return Clearance(endpoints or EndpointsInMemory(), keyring(secrets))


@dataclass
class DeliveriesInMemory:
    """Deliveries and attempts, as Postgres keeps them."""

    kept: dict[DeliveryId, Owed] = field(default_factory=dict)
    attempts: dict[DeliveryId, list[NumberedAttempt]] = field(default_factory=dict)
    endpoints: EndpointsInMemory = field(default_factory=EndpointsInMemory)
    turns: dict[Owner, datetime] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: NOON

    async def owe(self, owed: Owed) -> Owed:
        return self.kept.setdefault(owed.delivery.delivery_id, owed)

    async def owed(self, delivery_id: DeliveryId) -> Owed | None:
        return self.kept.get(delivery_id)

    async def restart(self, delivery_id: DeliveryId, *, trigger: str, states: Collection[DeliveryState]) -> Owed | None:
        owed = self.kept.get(delivery_id)
        if owed is None or owed.progress.state not in states or owed.progress.replayed_by == trigger:
            return owed
        anew = replace(owed_since(owed.delivery, self.now()).progress, replayed_by=trigger)
        return self._stands(owed.delivery, anew)

    async def put_off(self, delivery_id: DeliveryId, move: Move) -> Progress | None:
        return self._moved(delivery_id, move)

    async def record(self, delivery_id: DeliveryId, tried: Tried, move: Move | None = None) -> Progress | None:
        if delivery_id not in self.kept:
            return None
        delivery = self.kept[delivery_id].delivery
        progress = self._moved(delivery_id, move)
        if progress is not None and tried.attempt.succeeded:
            settled = replace(progress, state="delivered", next_attempt_at=None)
            progress = self._stands(delivery, settled).progress
        listed = self.attempts.setdefault(delivery_id, [])
        next_at = progress.next_attempt_at if progress else None
        listed.append(NumberedAttempt(len(listed) + 1, tried.attempt, next_at))
        self.endpoints.learn(delivery.owner, delivery.url, tried)
        return progress

    async def last_error(self, delivery_id: DeliveryId) -> AttemptError | None:
        errors = [one.attempt.error for one in self.attempts.get(delivery_id, []) if one.attempt.error]
        return errors[-1] if errors else None

    async def forget(self, request_id: RequestId) -> None:
        self.kept = {name: one for name, one in self.kept.items() if one.delivery.request_id != request_id}
        used = {endpoint_id(one.delivery.owner, one.delivery.url) for one in self.kept.values()}
        for name in self.endpoints.kept.keys() - used:
            del self.endpoints.kept[name]

    async def find(self, delivery_id: DeliveryId) -> RecordedDelivery | None:
        return self._recorded(self.kept[delivery_id]) if delivery_id in self.kept else None

    async def of_request(self, request_id: RequestId) -> Sequence[RecordedDelivery]:
        return [self._recorded(one) for one in self.kept.values() if one.delivery.request_id == request_id]

    async def matching(self, wanted: Redelivery) -> Found:
        fitting = [
            Repeatable(owed.delivery.delivery_id, owed.delivery.request_id, owed.delivery.url, NOON)
            for owed in self.kept.values()
            if owed.delivery.owner == wanted.owner
            and owed.progress.state in wanted.states
            and wanted.since <= NOON < wanted.until
            and wanted.request_id in {None, owed.delivery.request_id}
            and (NOON, UUID(owed.delivery.delivery_id)) > wanted.after
        ]
        return Found(sorted(fitting, key=lambda one: one.place)[: wanted.limit], len(fitting))

    async def take_turn(self, owner: Owner, *, at: datetime, until: datetime) -> datetime | None:
        if owner in self.turns and self.turns[owner] > at:
            return self.turns[owner]
        self.turns[owner] = until
        return None

    async def end_turn(self, owner: Owner, *, taken_until: datetime, until: datetime) -> None:
        if self.turns[owner] == taken_until:
            self.turns[owner] = until

    def _moved(self, delivery_id: DeliveryId, move: Move | None) -> Progress | None:
        owed = self.kept.get(delivery_id)
        if owed is None or move is None or not owed.progress.is_at(move.before.attempts, move.before.deferrals):
            return None if owed is None else owed.progress
        after = replace(move.after, began_at=owed.progress.began_at, replayed_by=owed.progress.replayed_by)
        return self._stands(owed.delivery, after).progress

    def _stands(self, delivery: Delivery, progress: Progress) -> Owed:
        self.kept[delivery.delivery_id] = Owed(delivery, progress)
        return self.kept[delivery.delivery_id]

    def _recorded(self, owed: Owed) -> RecordedDelivery:
        attempts = self.attempts.get(owed.delivery.delivery_id, [])
        delivered_at = next((one.attempt.at for one in attempts if one.attempt.succeeded), None)
        return RecordedDelivery(owed, NOON, delivered_at, tuple(attempts[-MOST_LISTED:]))
