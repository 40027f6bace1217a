"""Wiring of the processor: adapters, handler, run. What decodes and encodes may be another."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

from fastapi import FastAPI

from services.processor.adapters.codec_processes import CodecProcesses
from services.processor.adapters.http_source import HttpSource
from services.processor.adapters.ledger_folder import LedgerFolder
from services.processor.adapters.room import Room
from services.processor.adapters.s3_images import S3Images
from services.processor.adopting_records import AdoptingRecords
from services.processor.another_try import AnotherTry
from services.processor.careful import Careful
from services.processor.closed_memory import close_memory
from services.processor.codec.heap import keep_heap
from services.processor.codec.pool import CodecPool, PoolLimits
from services.processor.codec.process import CodecProcess
from services.processor.company import Company
from services.processor.domain.host_policy import HostLimits, HostPolicy
from services.processor.on_image_requested import Codec, OnImageRequested
from services.processor.polite_sources import PoliteSources
from services.processor.settings import ProcessorSettings
from services.processor.suspension import Wakefulness
from shared.events import ImageRequested
from shared.http.app import Probe, service_app
from shared.http.callers import Operators
from shared.kafka.connection import KafkaConnection
from shared.kafka.consumer import Consumer, Handling
from shared.kafka.gathering import Gathering
from shared.kafka.producer import EventProducer
from shared.kafka.retry_tiers import RetryTiers
from shared.kafka.source import KafkaRecords, RecordSource, kafka_records
from shared.object_store import open_object_store
from shared.process import http_role, run_roles
from shared.safe_http import SafeClient
from shared.topics import IMAGES_DLT, IMAGES_REQUESTED_BULK, IMAGES_REQUESTED_EXPRESS, IMAGES_RETRY

NAME = "processor"
SOURCE = f"pixelmill/{NAME}"
# Longest wait of made pictures for others. It costs places, and places are what feeds the codec.
STORING_SECONDS = 0.1
# Those that a bug in telling a result ends have no place any more, and each place may have its slot.
SLOTS_OF_TELLING = 4
# Of a download, which comes and goes a hundred times a second.
LARGEST_PIECE = 4 * 1024 * 1024
MOST_UNUSED = 16 * 1024 * 1024

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
        cpu_seconds=settings.codec_timeout_seconds,
        memory_bytes=settings.codec_memory_bytes,
    )
    pool = CodecPool(limits, start=partial(CodecProcess, library_path=settings.ld_library_path))
    try:
        yield CodecProcesses(pool, max_pixels=settings.max_pixels)
    finally:
        await pool.close()


async def run(settings: ProcessorSettings, _roles: frozenset[str], stop: asyncio.Event) -> None:
    """Consume image requests, compress the pictures and answer HTTP until stopped."""
    close_memory()
    keep_heap(largest_buffer=LARGEST_PIECE, most_unused=MOST_UNUSED)
    await run_with(codec_processes, settings, stop)


async def run_with(open_codec: OpenCodec[S], settings: S, stop: asyncio.Event) -> None:
    """Be the whole processor, with the codec that `open_codec` gives."""
    connection = KafkaConnection(settings)
    async with AsyncExitStack() as opened:
        codec = await opened.enter_async_context(open_codec(settings))
        producer = EventProducer(connection, SOURCE)
        opened.push_async_callback(producer.stop)
        store = open_object_store(settings)
        opened.push_async_callback(store.close)
        client = SafeClient(settings.fetch_policy())
        opened.push_async_callback(client.close)
        ledger = LedgerFolder(settings.pixelmill_home / NAME, slots=settings.images_in_flight + SLOTS_OF_TELLING)
        opened.callback(ledger.close)
        wakefulness = Wakefulness()
        await opened.enter_async_context(wakefulness.beating())

        images, sources = S3Images(store, settings.s3_bucket_images), _sources(client, wakefulness, settings)
        tiers = RetryTiers(IMAGES_RETRY, IMAGES_DLT, producer, source=SOURCE, now=_now)
        later = AnotherTry(tiers, producer, patience=timedelta(seconds=settings.source_patience_seconds), now=_now)
        handler = OnImageRequested(
            sources, codec, images, producer, later_tries=later, wakefulness=wakefulness, storing=_storing(settings)
        )
        careful = Careful(handler, ledger, later, Company(producer.gathering.idle))
        records = AdoptingRecords(_records(connection), ledger.adopt)
        consumer = _consumer(records, careful, producer, tiers, settings)
        app = _app({"kafka": producer.probe, "s3": images.probe, "codec": codec.probe}, settings)
        await run_roles(stop, consumer.run, http_role(app, settings))


def _consumer(
    records: RecordSource, handler: Careful, producer: EventProducer, tiers: RetryTiers, settings: ProcessorSettings
) -> Consumer:
    return Consumer(
        records,
        handlers={ImageRequested: handler},
        dead_letters=producer,
        retries=tiers,
        gathering=producer.gathering,
        handling=Handling(in_flight=settings.images_in_flight, span=settings.images_span),
    )


def places_that_wait(images_in_flight: int, *, codec_processes: int) -> int:
    """How many pictures wait to be stored together: the other places go on feeding the codec, two for each process."""
    return max(1, min(images_in_flight // 2, images_in_flight - 2 * codec_processes))


def _storing(settings: ProcessorSettings) -> Gathering:
    most = places_that_wait(settings.images_in_flight, codec_processes=settings.codec_processes)
    return Gathering(seconds=STORING_SECONDS, most=most)


def _app(probes: Mapping[str, Probe], settings: ProcessorSettings) -> FastAPI:
    return service_app(NAME, probes, operators=Operators.of(settings), debug=settings.pixelmill_env == "dev")


def _records(connection: KafkaConnection) -> KafkaRecords:
    topics = [IMAGES_REQUESTED_EXPRESS, IMAGES_REQUESTED_BULK, *IMAGES_RETRY]
    return kafka_records(connection, group=connection.group(NAME, "images"), topics=topics)


def _sources(client: SafeClient, wakefulness: Wakefulness, settings: ProcessorSettings) -> PoliteSources:
    fetching = HttpSource(client, max_bytes=settings.max_source_bytes, room=Room(settings.source_memory_bytes))
    limits = HostLimits(
        failures=settings.circuit_failures,
        longest_open_seconds=settings.circuit_open_seconds,
        longest_quiet_seconds=settings.source_patience_seconds,
    )
    return PoliteSources(fetching, HostPolicy(limits), wakefulness)


def _now() -> datetime:
    return datetime.now(UTC)
