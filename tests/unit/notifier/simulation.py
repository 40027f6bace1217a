"""The notifier on a broker in memory, in a time that jumps to whatever is due next."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID, uuid5

from services.notifier.courier import Answer, Courier
from services.notifier.domain.delivery import DeliveryId, DeliveryState, delivery_id
from services.notifier.domain.progress import Move, Owed, Progress, Tried
from services.notifier.domain.redelivery import Redelivery
from services.notifier.domain.schedule import Schedule
from services.notifier.on_delivery_due import OnDeliveryDue
from services.notifier.on_request_completed import OnRequestCompleted
from services.notifier.redeliveries import Redeliveries
from services.notifier.steps import Steps
from services.notifier.wiring import TOPICS
from shared.events import DeliveryDue, RequestCompleted, RequestDeleted
from shared.ids import LOCAL_OWNER, RequestId
from shared.kafka.cloudevents import Encoded
from shared.kafka.consumer import Consumer, Handling
from shared.kafka.memory import MemoryBroker, MemoryFacts, MemoryRecords
from shared.kafka.records import Record, TopicPartition
from shared.kafka.retry_tiers import RetryTiers
from shared.topics import REQUESTS_COMPLETED, REQUESTS_DELETED, WEBHOOKS_DLT, WEBHOOKS_RETRY, Topic
from tests.unit.notifier.fakes import (
    NOON,
    CalmProcess,
    Receiver,
    completed,
    places,
)
from tests.unit.notifier.memory import DeliveriesInMemory, clearance

GROUP = "notifier"
HOOK = "https://shop.example/hook"
# Longer than any chain of hops with all its lateness; no world takes it.
ENOUGH = timedelta(days=30)

_NAMES = UUID("6f1c6d6e-2f0b-5b0e-9c6c-0f6a55b1c001")


class Killed(Exception):
    """The process was killed here."""


@dataclass
class Killer:
    """Kills after effect number `after`, counted from 1, once."""

    after: int | None = None
    effects: int = 0

    def passed(self) -> None:
        self.effects += 1
        if self.effects == self.after:
            raise Killed


@dataclass
class MortalDeliveries(DeliveriesInMemory):
    killer: Killer = field(default_factory=Killer)

    async def owe(self, owed: Owed) -> Owed:
        kept = await super().owe(owed)
        self.killer.passed()
        return kept

    async def restart(self, delivery_id: DeliveryId, *, trigger: str, states: Collection[DeliveryState]) -> Owed | None:
        owed = await super().restart(delivery_id, trigger=trigger, states=states)
        self.killer.passed()
        return owed

    async def put_off(self, delivery_id: DeliveryId, move: Move) -> Progress | None:
        progress = await super().put_off(delivery_id, move)
        self.killer.passed()
        return progress

    async def record(self, delivery_id: DeliveryId, tried: Tried, move: Move | None = None) -> Progress | None:
        progress = await super().record(delivery_id, tried, move)
        self.killer.passed()
        return progress


class MortalFacts(MemoryFacts):
    def __init__(self, broker: MemoryBroker, killer: Killer) -> None:
        super().__init__(broker, source="pixelmill/notifier")
        self._killer = killer

    async def append(self, topic: Topic, record: Encoded) -> None:
        await super().append(topic, record)
        self._killer.passed()


@dataclass
class MortalReceiver(Receiver):
    killer: Killer = field(default_factory=Killer)
    is_up: bool = True

    async def post(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
        answer = await super().post(url, body=body, headers=headers)
        self.killer.passed()
        return answer if self.is_up else Answer(500, b"down")


@dataclass
class Callbacks:
    async def url_for(self, _request_id: RequestId) -> str | None:
        return HOOK


class World:
    """One notifier that is killed as the killer says, and started again at once."""

    def __init__(self, *, kill_after: int | None = None, chance: float = 0.5, schedule: Schedule | None = None) -> None:
        self.now = NOON
        self.killer = Killer(kill_after)
        self.broker = MemoryBroker(partitions=2, now=lambda: self.now)
        self.outside = MemoryFacts(self.broker)
        self.deliveries = MortalDeliveries(now=lambda: self.now, killer=self.killer)
        self.receiver = MortalReceiver(killer=self.killer)
        self.schedule = schedule or Schedule()
        self.chance = chance
        self._names = count()

    async def complete(self) -> DeliveryId:
        """A request ends; the id of the delivery that is owed from then on."""
        request = RequestId(str(uuid5(_NAMES, str(next(self._names)))))
        await self.outside.publish(REQUESTS_COMPLETED, completed(request))
        return delivery_id(request, HOOK)

    async def redeliver(self, name: DeliveryId) -> None:
        """A person asks for this delivery once more, whatever became of it."""
        owner, window = self.deliveries.kept[name].delivery.owner, timedelta(days=1)
        wanted = Redelivery(owner, NOON - window, NOON + window, {"failed", "delivered"})
        redeliver = Redeliveries(
            self.deliveries, self.deliveries.endpoints, self.outside, source="pixelmill/notifier", now=lambda: self.now
        )
        await redeliver(wanted, dry_run=False)

    async def run_until(self, moment: datetime) -> None:
        """Let everything happen that is due by then."""
        while True:
            try:
                await self._run_process(moment)
            except Killed:
                continue
            return

    async def run_for(self, time: timedelta) -> None:
        await self.run_until(self.now + time)

    def state(self, name: DeliveryId) -> DeliveryState:
        return self.deliveries.kept[name].progress.state

    def tier(self, ending: str) -> list[Record]:
        return [one for topic in WEBHOOKS_RETRY if ending in topic.name for one in self.broker.records(topic.name)]

    @property
    def dead(self) -> list[Record]:
        return self.broker.records(WEBHOOKS_DLT.name)

    async def _run_process(self, moment: datetime) -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(self._consumer().run(stop))
        try:
            await self._drive(running, moment)
        finally:
            stop.set()
            with suppress(Killed):
                await running

    async def _drive(self, running: asyncio.Task[None], moment: datetime) -> None:
        await self._settle(running)
        while (due := self._next_due()) is not None and due <= moment:
            self.now = max(self.now, due)
            await self._settle(running)
        self.now = max(self.now, moment)

    async def _settle(self, running: asyncio.Task[None]) -> None:
        """Until nothing that is due waits, and all of it is committed."""
        # An event about nothing wakes the consumer, which waits for appends and not for this clock.
        await self.outside.publish(REQUESTS_DELETED, RequestDeleted(request_id=_NOBODY, owner=LOCAL_OWNER))
        for _ in range(100_000):
            if running.done():
                running.result()
            due = self._next_due()
            if due is None or due > self.now:
                return
            await asyncio.sleep(0)
        raise AssertionError("what is due does not happen")

    def _next_due(self) -> datetime | None:
        return min((due for topic in TOPICS for due in self._heads(topic)), default=None)

    def _heads(self, topic: Topic) -> list[datetime]:
        committed = self.broker.group(GROUP).committed
        logs = [(self.broker.log(one), committed.get(one, 0)) for one in self._partitions(topic)]
        heads = [log[position].timestamp_ms for log, position in logs if position < len(log)]
        return [datetime.fromtimestamp(head / 1000, UTC) + topic.delay for head in heads]

    def _partitions(self, topic: Topic) -> list[TopicPartition]:
        return self.broker.partitions(topic.name)

    def _unix_time(self) -> float:
        return self.now.timestamp()

    def _consumer(self) -> Consumer:
        facts = MortalFacts(self.broker, self.killer)
        tiers = RetryTiers(WEBHOOKS_RETRY, WEBHOOKS_DLT, facts, source="pixelmill/notifier", now=lambda: self.now)
        courier = Courier(self.receiver, clearance(self.deliveries.endpoints), CalmProcess(), now=lambda: self.now)
        steps = Steps(
            courier,
            self.deliveries,
            places(in_all=1000, per_endpoint=1000),
            tiers,
            schedule=self.schedule,
            now=lambda: self.now,
            chance=lambda: self.chance,
        )
        return Consumer(
            MemoryRecords(self.broker, group=GROUP, topics=TOPICS),
            handlers={
                RequestCompleted: OnRequestCompleted(Callbacks(), steps),
                DeliveryDue: OnDeliveryDue(self.deliveries, steps),
            },
            dead_letters=facts,
            handling=Handling(in_flight=1000, span=100_000, ordered_by_key=True, commit_seconds=0.0),
            retries=tiers,
            now=self._unix_time,
        )


_NOBODY = RequestId("00000000-0000-4000-8000-000000000000")
