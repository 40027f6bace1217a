"""The notifier's HTTP interface on twins in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import httpx2

from services.notifier.api.deliveries import deliveries_router
from services.notifier.api.redelivery import redelivery_router
from services.notifier.api.webhook_endpoints import webhook_endpoints_router
from services.notifier.api.webhook_secrets import webhook_secrets_router
from services.notifier.by_hand import ByHand
from services.notifier.courier import Answer, Courier
from services.notifier.domain.schedule import Schedule
from services.notifier.on_request_completed import OnRequestCompleted
from services.notifier.redeliveries import Redeliveries
from services.notifier.steps import Steps
from shared.errors import DependencyAway
from shared.http.app import service_app
from shared.http.callers import Callers
from shared.ids import LOCAL_OWNER, Owner, RequestId
from shared.kafka.cloudevents import Encoded
from shared.topics import Topic
from tests.callers import ALL_OPERATORS, EVERYONE
from tests.unit.notifier.fakes import (
    NOON,
    REQUEST,
    CalmProcess,
    KnownCallbacks,
    LaterInMemory,
    Receiver,
    places,
    received,
)
from tests.unit.notifier.memory import DeliveriesInMemory, SecretsInMemory, clearance, keyring


@dataclass
class Appended:
    """What was appended; `away_after` so many records Kafka is away."""

    records: list[tuple[Topic, Encoded]] = field(default_factory=list)
    away_after: int | None = None

    async def append(self, topic: Topic, record: Encoded) -> None:
        if len(self.records) == self.away_after:
            raise DependencyAway("kafka", "no route")
        self.records.append((topic, record))


class Api:
    def __init__(
        self, *script: Answer | Exception, callers: Callers = EVERYONE, receiver: Receiver | None = None
    ) -> None:  # fmt: skip
        self.now: datetime = NOON
        self.deliveries = DeliveriesInMemory(now=lambda: self.now)
        self.endpoints = self.deliveries.endpoints
        self.secrets = SecretsInMemory(now=lambda: self.now)
        self.receiver = receiver or Receiver(list(script))
        self.later = LaterInMemory()
        self.appended = Appended()
        cleared = clearance(self.endpoints, self.secrets)
        self.courier = Courier(self.receiver, cleared, CalmProcess(), now=lambda: self.now)
        self.steps = Steps(
            self.courier,
            self.deliveries,
            places(),
            self.later,
            schedule=Schedule(),
            now=lambda: self.now,
            chance=lambda: 0.0,
        )
        self.app = service_app("notifier", {}, operators=ALL_OPERATORS, debug=False)
        self._include(callers)

    def _include(self, callers: Callers) -> None:
        redeliver = Redeliveries(
            self.deliveries, self.endpoints, self.appended, source="pixelmill/notifier", now=lambda: self.now
        )
        by_hand = ByHand(self.courier, self.deliveries)
        for router in (
            redelivery_router(redeliver, callers=callers),
            deliveries_router(self.deliveries, KnownCallbacks(), by_hand, endpoints=self.endpoints, callers=callers),
            webhook_secrets_router(self.secrets, keyring(self.secrets), callers=callers),
            webhook_endpoints_router(self.endpoints, callers=callers),
        ):
            self.app.include_router(router)

    async def deliver(self, request_id: RequestId = REQUEST, *, owner: Owner = LOCAL_OWNER, offset: int = 7) -> None:
        """A request of this owner ends."""
        ended = received(request_id, owner=owner, offset=offset)
        callbacks = KnownCallbacks({request_id: KnownCallbacks().urls[REQUEST]})
        await OnRequestCompleted(callbacks, self.steps)(ended)

    @asynccontextmanager
    async def client(self, headers: dict[str, str] | None = None) -> AsyncIterator[httpx2.AsyncClient]:
        transport = httpx2.ASGITransport(self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://notifier", headers=headers) as client:
            yield client
