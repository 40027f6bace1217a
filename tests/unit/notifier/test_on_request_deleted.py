"""What the deletion of a request takes with it."""

from services.notifier.courier import Courier
from services.notifier.domain.delivery import delivery_owed
from services.notifier.domain.progress import owed_since
from services.notifier.domain.schedule import Schedule
from services.notifier.on_request_completed import OnRequestCompleted
from services.notifier.on_request_deleted import OnRequestDeleted
from services.notifier.steps import Steps
from shared.events import RequestDeleted
from shared.ids import LOCAL_OWNER, RequestId
from shared.kafka.records import Received, Trigger
from tests.unit.notifier.fakes import (
    NOON,
    REQUEST,
    URL,
    CalmProcess,
    KnownCallbacks,
    LaterInMemory,
    Receiver,
    completed,
    places,
)
from tests.unit.notifier.fakes import received as completion
from tests.unit.notifier.memory import DeliveriesInMemory, clearance

OTHER = RequestId("00000000-0000-4000-8000-000000000000")


def deleted() -> Received[RequestDeleted]:
    return Received(RequestDeleted(request_id=REQUEST, owner=LOCAL_OWNER), Trigger("requests.deleted.v1", 0, 3))


async def test_a_deletion_twice_takes_the_deliveries_of_its_request_alone() -> None:
    deliveries = DeliveriesInMemory()
    other = await deliveries.owe(owed_since(delivery_owed(completed(OTHER), URL), NOON))
    await deliveries.owe(owed_since(delivery_owed(completed(), URL), NOON))
    handle = OnRequestDeleted(deliveries)
    await handle(deleted())
    await handle(deleted())
    assert list(deliveries.kept.values()) == [other]


async def test_a_completion_that_comes_after_the_deletion_owes_nothing() -> None:
    deliveries, receiver = DeliveriesInMemory(), Receiver()
    await OnRequestDeleted(deliveries)(deleted())
    steps = Steps(
        Courier(receiver, clearance(), CalmProcess()), deliveries, places(), LaterInMemory(), schedule=Schedule()
    )
    handle = OnRequestCompleted(KnownCallbacks({}), steps)
    await handle(completion())
    assert (receiver.posted, deliveries.kept) == ([], {})
