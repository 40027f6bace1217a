"""When the time of a retry has come, the delivery is tried again."""

from collections.abc import Collection
from typing import Protocol

from services.notifier.domain.delivery import DeliveryId, DeliveryState
from services.notifier.domain.progress import BY_HAND, Owed
from services.notifier.redeliveries import REDELIVER, states_named
from shared.events import DeliveryDue, Event
from shared.kafka.dead_letters import REPLAYED_FROM
from shared.kafka.records import Received


class Deliveries(Protocol):
    """What is owed to whom."""

    async def owed(self, delivery_id: DeliveryId) -> Owed | None:
        """A delivery and where it stands; None when it was deleted."""
        ...

    async def restart(self, delivery_id: DeliveryId, *, trigger: str, states: Collection[DeliveryState]) -> Owed | None:
        """Begin the schedule anew of a delivery in one of these states, unless `trigger` did so before.

        Say where it stands then.
        """
        ...


class Steps(Protocol):
    async def take(self, received: Received[Event], owed: Owed, *, is_due: bool) -> None: ...


class OnDeliveryDue:
    """Takes the next step of a delivery that still stands where the event says; otherwise the event is out of date.

    A dead letter is replayed by a fresh `DeliveryDue` of its delivery, with `attempt` 0 and the header
    `replayed-from` (the place of the letter), in the shortest retry tier: the delivery goes back from `failed` to
    `pending`, its schedule begins anew, and the attempts so far stay listed. To a delivery in any other state, or to
    one that is gone, nothing happens. A person who has many delivered again does the same with the header `redeliver`,
    which names the states from which it begins anew.
    """

    def __init__(self, deliveries: Deliveries, steps: Steps) -> None:
        self._deliveries = deliveries
        self._steps = steps

    async def __call__(self, received: Received[DeliveryDue]) -> None:
        event, name = received.event, DeliveryId(received.event.delivery_id)
        trigger = str(received.trigger)
        if REDELIVER in received.headers:
            states = states_named(received.headers[REDELIVER])
            owed = await self._deliveries.restart(name, trigger=BY_HAND + trigger, states=states)
        elif REPLAYED_FROM in received.headers:
            owed = await self._deliveries.restart(name, trigger=trigger, states={"failed"})
        else:
            owed = await self._deliveries.owed(name)
        if owed is not None:
            await self._steps.take(received, owed, is_due=owed.progress.is_at(event.attempt, event.deferral))
