"""Wiring of the notifier: settings, adapters, handlers, run. The only reader of the environment."""

import asyncio
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial

from services.notifier.adapters.http_callback import HttpCallback
from services.notifier.adapters.s3_callbacks import S3Callbacks
from services.notifier.courier import Courier
from services.notifier.records import Records
from services.notifier.settings import NotifierSettings
from services.notifier.wiring import SERVICE, SOURCE, consumer, handlers, routers
from shared.api_keys.postgres_keys import PostgresKeys
from shared.http.app import Probe, service_app
from shared.http.callers import Callers, Operators
from shared.kafka.connection import KafkaConnection
from shared.kafka.producer import EventProducer
from shared.kafka.retry_tiers import RetryTiers
from shared.object_store import open_object_store
from shared.postgres import Database
from shared.process import http_role, run_roles
from shared.safe_http import SafeClient
from shared.service_command import run_service
from shared.suspension import Wakefulness
from shared.topics import WEBHOOKS_DLT, WEBHOOKS_RETRY

DESCRIPTION = "Tells callback URLs that their request has reached its end. It has one role, so no argument is needed."


async def run(settings: NotifierSettings, _roles: frozenset[str], stop: asyncio.Event) -> None:
    """Consume completions and retries, and answer HTTP, until stopped."""
    connection = KafkaConnection(settings)
    async with AsyncExitStack() as opened:
        producer = EventProducer(connection, SOURCE)
        opened.push_async_callback(producer.stop)
        database = Database(settings)
        opened.push_async_callback(database.close)
        store = open_object_store(settings)
        opened.push_async_callback(store.close)
        client = SafeClient(settings.webhook_policy())
        opened.push_async_callback(client.close)

        # Around all roles: the consumer still makes attempts while it drains.
        wakefulness = Wakefulness()
        await opened.enter_async_context(wakefulness.beating())

        records = Records.of(database, settings)
        callbacks = S3Callbacks(store, settings.s3_bucket_requests)
        endpoint = HttpCallback(client, timeout_seconds=settings.webhook_timeout_seconds)
        courier = Courier(endpoint, records.clearance, wakefulness)
        tiers = RetryTiers(WEBHOOKS_RETRY, WEBHOOKS_DLT, producer, source=SOURCE, now=lambda: datetime.now(UTC))
        handled = handlers(callbacks, records.deliveries, courier, tiers=tiers, told=settings)
        events = consumer(connection, handled, producer, tiers=tiers, at_once=settings.webhooks_in_flight)
        s3_probe = partial(store.probe, callbacks.bucket)
        probes: dict[str, Probe] = {"kafka": producer.probe, "postgres": database.probe, "s3": s3_probe}
        callers = Callers(PostgresKeys(database), Operators.of(settings))
        app = service_app(SERVICE, probes, operators=callers.operators, debug=settings.pixelmill_env == "dev")
        for router in routers(records, callbacks, courier, producer, callers=callers):
            app.include_router(router)
        await run_roles(stop, events.run, http_role(app, settings))


if __name__ == "__main__":
    sys.exit(run_service(SERVICE, NotifierSettings, run, description=DESCRIPTION))
