"""Which adapters and handlers each role is made of."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from fastapi import APIRouter

from services.aggregator.adapters.kafka_completions import CompletionPublisher
from services.aggregator.adapters.postgres_deletion import PostgresDeletion
from services.aggregator.adapters.postgres_images import PostgresImages
from services.aggregator.adapters.postgres_listed_requests import PostgresListedRequests
from services.aggregator.adapters.postgres_requests import PostgresRequests
from services.aggregator.adapters.postgres_results import PostgresResults
from services.aggregator.adapters.postgres_standings import PostgresStandings
from services.aggregator.adapters.s3_outputs import FILES_AT_ONCE, S3Outputs
from services.aggregator.adapters.s3_requests import S3Requests
from services.aggregator.api.csvs import csv_router
from services.aggregator.api.images import ImagePages, images_router
from services.aggregator.api.links import Links
from services.aggregator.api.pictures import pictures_router
from services.aggregator.api.status import status_router
from services.aggregator.api.statuses import Statuses
from services.aggregator.closed_chunks import LetGoOfClosedChunks
from services.aggregator.dead_letter_wiring import dead_letter_roles, dead_letter_router
from services.aggregator.domain.completion import Places
from services.aggregator.known_requests import KnownRequests
from services.aggregator.on_cancel_requested import OnCancelRequested
from services.aggregator.on_chunk_completed import OnChunkCompleted
from services.aggregator.on_deadline_passed import OnDeadlinePassed
from services.aggregator.on_image_processed import OnImageProcessed
from services.aggregator.on_request_accepted import OnRequestAccepted
from services.aggregator.on_request_assembled import OnRequestAssembled
from services.aggregator.on_request_completed import OnRequestCompleted
from services.aggregator.on_request_deleted import OnRequestDeleted
from services.aggregator.request_end import RequestEnd
from services.aggregator.request_images import RequestImages
from services.aggregator.settings import AggregatorSettings
from services.aggregator.watchdog_wiring import watchdog
from shared.api_keys.postgres_keys import PostgresKeys
from shared.events import (
    CancelRequested,
    ChunkCompleted,
    DeadlinePassed,
    RequestAccepted,
    RequestCompleted,
    RequestDeleted,
)
from shared.http.app import Probe, service_app
from shared.http.callers import Callers, Operators
from shared.kafka.connection import KafkaConnection
from shared.kafka.consumer import Consumer, Handlers, Handling
from shared.kafka.producer import EventProducer
from shared.kafka.source import kafka_records
from shared.object_store import ObjectStore, open_object_store
from shared.picture_urls import PictureUrls
from shared.postgres import Database
from shared.process import Role, http_role, run_roles
from shared.topics import REQUESTS_ACCEPTED, REQUESTS_COMPLETED, REQUESTS_DELETED, REQUESTS_PROGRESS, Topic

SERVICE = "aggregator"
SOURCE = f"pixelmill/{SERVICE}"
# A large request holds its place in the partition for minutes; events of others must be able to pass it meanwhile.
ASSEMBLER_SPAN = 4096
SPARE_STORE_THREADS = 16


@dataclass(frozen=True, slots=True)
class Parts:
    """What all roles are made of."""

    settings: AggregatorSettings
    connection: KafkaConnection
    producer: EventProducer
    database: Database
    store: ObjectStore

    @property
    def rows(self) -> PostgresRequests:
        return PostgresRequests(self.database)

    @property
    def results(self) -> PostgresResults:
        return PostgresResults(self.database)

    @property
    def files(self) -> S3Requests:
        return S3Requests(self.store, self.settings.s3_bucket_requests)

    @property
    def picture_urls(self) -> PictureUrls:
        key = self.settings.url_signing_key.get_secret_value().encode()
        return PictureUrls(self.settings.aggregator_public_url, key)

    def requests(self) -> KnownRequests:
        return KnownRequests(self.rows, self.files, now=now)


@dataclass(frozen=True, slots=True)
class RoleParts:
    """What a role adds to its process."""

    runs: tuple[Role, ...] = ()
    routers: tuple[APIRouter, ...] = ()
    probes: Mapping[str, Probe] | None = None


def now() -> datetime:
    return datetime.now(UTC)


async def run(settings: AggregatorSettings, roles: frozenset[str], stop: asyncio.Event) -> None:
    """Run the chosen roles and answer HTTP until stopped."""
    async with _opened(settings) as parts:
        chosen = [ROLES[role](parts) for role in sorted(roles)]
        app = service_app(
            SERVICE, _probes(parts, chosen), operators=Operators.of(settings), debug=settings.pixelmill_env == "dev"
        )
        for role in chosen:
            for router in role.routers:
                app.include_router(router)
        await run_roles(stop, *(each for role in chosen for each in role.runs), http_role(app, settings))


@asynccontextmanager
async def _opened(settings: AggregatorSettings) -> AsyncIterator[Parts]:
    connection = KafkaConnection(settings)
    async with AsyncExitStack() as opened:
        producer = EventProducer(connection, SOURCE)
        opened.push_async_callback(producer.stop)
        database = Database(settings)
        opened.push_async_callback(database.close)
        # Each file of a request under way holds a thread for its whole time; what they read needs others.
        writing = FILES_AT_ONCE * settings.requests_in_flight
        store = open_object_store(settings, threads=writing + SPARE_STORE_THREADS)
        opened.push_async_callback(store.close)
        yield Parts(settings, connection, producer, database, store)


def _probes(parts: Parts, roles: list[RoleParts]) -> dict[str, Probe]:
    probes: dict[str, Probe] = {
        "kafka": parts.producer.probe,
        "postgres": parts.database.probe,
        "s3": partial(parts.store.probe, parts.settings.s3_bucket_requests),
    }
    for role in roles:
        probes |= role.probes or {}
    return probes


def _stream(parts: Parts) -> RoleParts:
    # Faust is imported by the role that needs it: it is large.
    from services.aggregator.adapters.faust_chunks import FaustChunkTable  # noqa: PLC0415
    from services.aggregator.stream import ImageStream  # noqa: PLC0415

    def handler(table: FaustChunkTable) -> LetGoOfClosedChunks:
        on_image_processed = OnImageProcessed(parts.requests(), parts.results, table, parts.producer)
        return LetGoOfClosedChunks(on_image_processed, parts.results, table)

    stream = ImageStream(parts.connection, handler, dead_letters=parts.producer)
    return RoleParts(runs=(stream.run,), probes={"stream": stream.probe})


def _finisher(parts: Parts) -> RoleParts:
    settings, requests = parts.settings, parts.requests()
    end = _end(parts, requests)
    progress: Handlers = {
        ChunkCompleted: OnChunkCompleted(requests, parts.results, end),
        CancelRequested: OnCancelRequested(requests, end),
        DeadlinePassed: OnDeadlinePassed(requests, end),
    }
    accepted: Handlers = {RequestAccepted: OnRequestAccepted(requests, end)}
    published: Handlers = {RequestCompleted: OnRequestCompleted(parts.rows, now=now)}
    deleted: Handlers = {RequestDeleted: OnRequestDeleted(PostgresDeletion(parts.database))}
    flight = settings.requests_in_flight
    return RoleParts(
        runs=(
            _consumer(parts, "requests", REQUESTS_ACCEPTED, accepted, Handling(in_flight=flight)),
            _consumer(
                parts,
                "assembler",
                REQUESTS_PROGRESS,
                progress,
                Handling(in_flight=flight, span=ASSEMBLER_SPAN, ordered_by_key=True),
            ),
            _publisher(parts, requests).run,
            _consumer(parts, "completed", REQUESTS_COMPLETED, published, Handling(in_flight=flight)),
            _consumer(parts, "deleted", REQUESTS_DELETED, deleted, Handling(in_flight=1)),
            *dead_letter_roles(parts.connection, parts.producer, parts.database, now=now),
            watchdog(settings, requests, parts.producer, database=parts.database, now=now).run,
        )
    )


def _end(parts: Parts, requests: KnownRequests) -> RequestEnd:
    picture_url = parts.picture_urls.url
    csvs = S3Outputs(parts.store, parts.settings.s3_bucket_requests, parts.results, picture_url=picture_url)
    images = RequestImages(requests, PostgresImages(parts.database))
    return RequestEnd(requests, parts.rows, parts.results, images=images, csvs=csvs, facts=parts.producer, now=now)


def _publisher(parts: Parts, requests: KnownRequests) -> CompletionPublisher:
    places = Places(parts.settings.aggregator_public_url.rstrip("/"), parts.settings.s3_bucket_requests)
    assembled = OnRequestAssembled(requests, parts.rows, places=places, now=now)
    return CompletionPublisher(parts.connection, assembled, dead_letters=parts.producer, now=now)


def _consumer(parts: Parts, role: str, topic: Topic, handlers: Handlers, handling: Handling) -> Role:
    group = parts.connection.group(SERVICE, role)
    source = kafka_records(parts.connection, group=group, topics=[topic])
    return Consumer(source, handlers=handlers, dead_letters=parts.producer, handling=handling).run


def _api(parts: Parts) -> RoleParts:
    settings, callers = parts.settings, Callers(PostgresKeys(parts.database), Operators.of(parts.settings))
    links = Links(
        ingest=settings.ingest_public_url.rstrip("/"),
        aggregator=settings.aggregator_public_url.rstrip("/"),
        notifier=settings.notifier_public_url.rstrip("/"),
    )
    statuses = Statuses(PostgresListedRequests(parts.database), PostgresStandings(parts.database), links)
    pages = ImagePages(PostgresImages(parts.database), parts.files, parts.picture_urls)
    valid_for = timedelta(seconds=settings.picture_url_seconds)
    dead_letters = dead_letter_router(
        parts.connection, parts.producer, parts.database, source=SOURCE, now=now, operators=callers.operators
    )
    return RoleParts(
        routers=(
            status_router(statuses, callers=callers),
            images_router(statuses, pages, callers=callers),
            csv_router(statuses, parts.store, settings.s3_bucket_requests, callers=callers),
            pictures_router(parts.store, settings.s3_bucket_images, parts.picture_urls, valid_for=valid_for),
            dead_letters,
        )
    )


ROLES: Mapping[str, Callable[[Parts], RoleParts]] = {"stream": _stream, "finisher": _finisher, "api": _api}
