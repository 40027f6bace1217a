"""Wiring of the notifier: settings, adapters, handlers, run. The only reader of the environment."""

import asyncio
import sys
from contextlib import AsyncExitStack
from functools import partial

from services.notifier.adapters.http_callback import HttpCallback
from services.notifier.adapters.postgres_deliveries import PostgresDeliveries
from services.notifier.adapters.s3_callbacks import S3Callbacks
from services.notifier.api.deliveries import deliveries_router
from services.notifier.courier import Courier
from services.notifier.domain.signature import WebhookSecret
from services.notifier.on_request_completed import OnRequestCompleted
from services.notifier.on_request_deleted import OnRequestDeleted
from services.notifier.settings import NotifierSettings
from shared.events import RequestCompleted, RequestDeleted
from shared.http.app import Probe, service_app
from shared.kafka.connection import KafkaConnection
from shared.kafka.consumer import Consumer, Handlers, Handling
from shared.kafka.producer import EventProducer
from shared.kafka.source import kafka_records
from shared.object_store import open_object_store
from shared.postgres import Database
from shared.process import http_role, run_roles
from shared.safe_http import SafeClient
from shared.service_command import run_service
from shared.topics import REQUESTS_COMPLETED, REQUESTS_DELETED

NAME = "notifier"
DESCRIPTION = "Tells callback URLs that their request has reached its end. It has one role, so no argument is needed."


async def run(settings: NotifierSettings, _roles: frozenset[str], stop: asyncio.Event) -> None:
    """Consume completions and answer HTTP until stopped."""
    connection = KafkaConnection(settings)
    async with AsyncExitStack() as opened:
        producer = EventProducer(connection, f"pixelmill/{NAME}")
        opened.push_async_callback(producer.stop)
        database = Database(settings)
        opened.push_async_callback(database.close)
        store = open_object_store(settings)
        opened.callback(store.close)
        client = SafeClient(settings.fetch_policy())
        opened.push_async_callback(client.close)

        deliveries = PostgresDeliveries(database)
        callbacks = S3Callbacks(store, settings.s3_bucket_requests)
        courier = _courier(client, deliveries, settings)
        handlers: Handlers = {
            RequestCompleted: OnRequestCompleted(callbacks, deliveries, courier),
            RequestDeleted: OnRequestDeleted(deliveries),
        }
        consumer = _consumer(connection, handlers, producer, in_flight=settings.webhooks_in_flight)
        s3_probe = partial(store.probe, callbacks.bucket)
        probes: dict[str, Probe] = {"kafka": producer.probe, "postgres": database.probe, "s3": s3_probe}
        app = service_app(NAME, probes, debug=settings.pixelmill_env == "dev")
        app.include_router(deliveries_router(deliveries, callbacks, courier, auth=settings.auth))
        await run_roles(stop, consumer.run, http_role(app, settings))


def _courier(client: SafeClient, deliveries: PostgresDeliveries, settings: NotifierSettings) -> Courier:
    endpoint = HttpCallback(client, timeout_seconds=settings.webhook_timeout_seconds)
    return Courier(endpoint, deliveries, WebhookSecret.parse(settings.webhook_secret.get_secret_value()))


def _consumer(connection: KafkaConnection, handlers: Handlers, producer: EventProducer, *, in_flight: int) -> Consumer:
    group, topics = connection.group(NAME, "completions"), [REQUESTS_COMPLETED, REQUESTS_DELETED]
    return Consumer(
        kafka_records(connection, group=group, topics=topics),
        handlers=handlers,
        dead_letters=producer,
        # The events of a request one after another: one that comes twice finds its delivery settled.
        handling=Handling(in_flight=in_flight, ordered_by_key=True),
    )


if __name__ == "__main__":
    sys.exit(run_service(NAME, NotifierSettings, run, description=DESCRIPTION))
