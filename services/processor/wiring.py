"""Wiring of the processor: adapters, handler, run. What decodes and encodes may be another."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol, TypeVar

from services.processor.adapters.codec_processes import CodecProcesses
from services.processor.adapters.http_source import HttpSource
from services.processor.adapters.room import Room
from services.processor.adapters.s3_images import S3Images
from services.processor.codec.pool import CodecPool, PoolLimits
from services.processor.on_image_requested import Codec, OnImageRequested
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
from shared.topics import IMAGES_REQUESTED_BULK, IMAGES_REQUESTED_EXPRESS

NAME = "processor"

S = TypeVar("S", bound=ProcessorSettings)


class OpenedCodec(Codec, Protocol):
    async def probe(self) -> None:
        """Raise `DependencyAway` unless it can work."""


OpenCodec = Callable[[S], AbstractAsyncContextManager[OpenedCodec]]


@asynccontextmanager
async def codec_processes(settings: ProcessorSettings) -> AsyncIterator[OpenedCodec]:
    """The codec that compresses: processes of its own, ended with the context."""
    limits = PoolLimits(
        processes=settings.codec_processes,
        timeout_seconds=settings.codec_timeout_seconds,
        memory_bytes=settings.codec_memory_bytes,
    )
    pool = CodecPool(limits)
    try:
        yield CodecProcesses(pool, max_pixels=settings.max_pixels)
    finally:
        await pool.close()


async def run(settings: ProcessorSettings, _roles: frozenset[str], stop: asyncio.Event) -> None:
    """Consume image requests, compress the pictures and answer HTTP until stopped."""
    await run_with(codec_processes, settings, stop)


async def run_with(open_codec: OpenCodec[S], settings: S, stop: asyncio.Event) -> None:
    """Be the whole processor, with the codec that `open_codec` gives."""
    connection = KafkaConnection(settings)
    async with AsyncExitStack() as opened:
        codec = await opened.enter_async_context(open_codec(settings))
        producer = EventProducer(connection, f"pixelmill/{NAME}")
        opened.push_async_callback(producer.stop)
        store = open_object_store(settings)
        opened.callback(store.close)
        client = SafeClient(settings.fetch_policy())
        opened.push_async_callback(client.close)

        images = S3Images(store, settings.s3_bucket_images)
        sources = HttpSource(client, max_bytes=settings.max_source_bytes, room=Room(settings.source_memory_bytes))
        handler = OnImageRequested(sources, codec, images, producer)
        consumer = _consumer(connection, handler, producer, settings)
        probes: dict[str, Probe] = {"kafka": producer.probe, "s3": images.probe, "codec": codec.probe}
        app = service_app(NAME, probes, debug=settings.pixelmill_env == "dev")
        await run_roles(stop, consumer.run, http_role(app, settings))


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
