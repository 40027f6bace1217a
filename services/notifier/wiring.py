"""What the notifier consumes, how many records it works on at once, and what it answers over HTTP."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter

from services.notifier.adapters.postgres_deliveries import PostgresDeliveries
from services.notifier.adapters.s3_callbacks import S3Callbacks
from services.notifier.api.deliveries import deliveries_router
from services.notifier.api.redelivery import redelivery_router
from services.notifier.api.webhook_endpoints import webhook_endpoints_router
from services.notifier.api.webhook_secrets import webhook_secrets_router
from services.notifier.by_hand import ByHand
from services.notifier.courier import Courier
from services.notifier.endpoint_places import WAITING_ROOM, EndpointPlaces
from services.notifier.on_delivery_due import OnDeliveryDue
from services.notifier.on_request_completed import OnRequestCompleted
from services.notifier.on_request_deleted import OnRequestDeleted
from services.notifier.records import Records
from services.notifier.redeliveries import Redeliveries
from services.notifier.settings import NotifierSettings
from services.notifier.steps import Steps
from shared.events import DeliveryDue, RequestCompleted, RequestDeleted
from shared.http.callers import Callers
from shared.kafka.connection import KafkaConnection
from shared.kafka.consumer import Consumer, Handlers, Handling
from shared.kafka.producer import EventProducer
from shared.kafka.retry_tiers import RetryTiers
from shared.kafka.source import kafka_records
from shared.topics import REQUESTS_COMPLETED, REQUESTS_DELETED, WEBHOOKS_RETRY

SERVICE: Final = "notifier"
SOURCE: Final = f"pixelmill/{SERVICE}"
TOPICS: Final = (REQUESTS_COMPLETED, REQUESTS_DELETED, *WEBHOOKS_RETRY)

# Records that need no place of an attempt are done within milliseconds; some may always run beside the attempts.
QUICK_RECORDS: Final = 8
# While an attempt waits for its timeout, thousands of records behind it are put off: they must not wait for it.
SPAN: Final = 100_000


def handling(attempts_at_once: int) -> Handling:
    """Attempts, and those that wait for a place, never fill the loop.

    The events of a request, and those of a delivery, one after another: one that comes twice finds what was done.
    """
    return Handling(in_flight=attempts_at_once + WAITING_ROOM + QUICK_RECORDS, span=SPAN, ordered_by_key=True)


def consumer(
    connection: KafkaConnection, handlers: Handlers, producer: EventProducer, *, tiers: RetryTiers, at_once: int
) -> Consumer:
    return Consumer(
        kafka_records(connection, group=connection.group(SERVICE, "completions"), topics=TOPICS),
        handlers=handlers,
        dead_letters=producer,
        handling=handling(at_once),
        retries=tiers,
    )


def handlers(
    callbacks: S3Callbacks,
    deliveries: PostgresDeliveries,
    courier: Courier,
    *,
    tiers: RetryTiers,
    told: NotifierSettings,
) -> Handlers:
    places = EndpointPlaces(in_all=told.webhooks_in_flight, per_endpoint=told.webhooks_per_endpoint)
    steps = Steps(courier, deliveries, places, tiers, schedule=told.schedule())
    return {
        RequestCompleted: OnRequestCompleted(callbacks, steps),
        DeliveryDue: OnDeliveryDue(deliveries, steps),
        RequestDeleted: OnRequestDeleted(deliveries),
    }


def routers(
    records: Records, callbacks: S3Callbacks, courier: Courier, producer: EventProducer, *, callers: Callers
) -> Sequence[APIRouter]:
    """Everything that owners may call."""
    by_hand = ByHand(courier, records.deliveries)
    redeliver = Redeliveries(records.redeliveries, records.endpoints, producer, source=SOURCE)
    return (
        redelivery_router(redeliver, callers=callers),
        deliveries_router(records.deliveries, callbacks, by_hand, endpoints=records.endpoints, callers=callers),
        webhook_secrets_router(records.secrets, records.keyring, callers=callers),
        webhook_endpoints_router(records.endpoints, callers=callers),
    )
