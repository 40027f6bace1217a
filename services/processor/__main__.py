"""Wiring of the processor: settings, adapters, handler, run. The only reader of the environment."""

import asyncio
import sys
from contextlib import AsyncExitStack

from services.processor.adapters.codec_processes import CodecProcesses
from services.processor.adapters.http_source import HttpSource
from services.processor.adapters.room import Room
from services.processor.adapters.s3_images import S3Images
from services.processor.codec.pool import CodecPool, PoolLimits
from services.processor.on_image_requested import OnImageRequested
from services.processor.settings import ProcessorSettings
from shared.events import ImageRequested
from shared.http.app import Probe, service_app
from shared.kafka.connection import KafkaConnection
from shared.kafka.consumer import Consumer, Handling
from shared.kafka.producer import EventProducer
from shared.kafka.source import kafka_records
from shared.object_store import open_object_store
from shared.process import http_role, run_roles
from shared.safe_http import SafeClient
from shared.service_command import run_service
from shared.topics import IMAGES_REQUESTED_BULK, IMAGES_REQUESTED_EXPRESS

NAME = "processor"
DESCRIPTION = "Fetches images, makes their renditions and stores them. It has one role, so no argument is needed."


async def run(settings: ProcessorSettings, _roles: frozenset[str], stop: asyncio.Event) -> None:
    """Consume image requests and answer HTTP until stopped."""
    connection = KafkaConnection(settings)
    async with AsyncExitStack() as opened:
        pool = CodecPool(_limits(settings))
        opened.push_async_callback(pool.close)
        producer = EventProducer(connection, f"pixelmill/{NAME}")
        opened.push_async_callback(producer.stop)
        store = open_object_store(settings)
        opened.callback(store.close)
        client = SafeClient(settings.fetch_policy())
        opened.push_async_callback(client.close)

        images = S3Images(store, settings.s3_bucket_images)
        sources = HttpSource(client, max_bytes=settings.max_source_bytes, room=Room(settings.source_memory_bytes))
        codec = CodecProcesses(pool, max_pixels=settings.max_pixels)
        handler = OnImageRequested(sources, codec, images, producer)
        consumer = _consumer(connection, handler, producer, settings)
        probes: dict[str, Probe] = {"kafka": producer.probe, "s3": images.probe, "codec": pool.probe}
        app = service_app(NAME, probes, debug=settings.pixelmill_env == "dev")
        await run_roles(stop, consumer.run, http_role(app, settings))


def _limits(settings: ProcessorSettings) -> PoolLimits:
    return PoolLimits(
        processes=settings.codec_processes,
        timeout_seconds=settings.codec_timeout_seconds,
        memory_bytes=settings.codec_memory_bytes,
    )


def _consumer(
    connection: KafkaConnection, handler: OnImageRequested, producer: EventProducer, settings: ProcessorSettings
) -> Consumer:
    return Consumer(
        kafka_records(
            connection,
            group=connection.group(NAME, "images"),
            topics=[IMAGES_REQUESTED_EXPRESS, IMAGES_REQUESTED_BULK],
        ),
        handlers={ImageRequested: handler},
        dead_letters=producer,
        handling=Handling(in_flight=settings.images_in_flight, span=settings.images_span),
    )


if __name__ == "__main__":
    sys.exit(run_service(NAME, ProcessorSettings, run, description=DESCRIPTION))
