"""Wiring of ingest: settings, adapters, handlers, run. The only reader of the environment."""

import asyncio
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

from fastapi import APIRouter

from services.ingest.acceptance import Acceptance
from services.ingest.adapters.postgres_keys import PostgresMadeKeys
from services.ingest.announcements import BackgroundAnnouncements
from services.ingest.api.answers import PublicUrls
from services.ingest.api.cancel import cancel_router
from services.ingest.api.delete import delete_router
from services.ingest.api.keys import keys_router
from services.ingest.api.retry import retry_router
from services.ingest.api.submit import SUBMISSIONS, SubmitApi, submit_router
from services.ingest.cancel_request import CancelRequest
from services.ingest.delete_request import DeleteRequest
from services.ingest.domain.csv_intake import IntakeTerms
from services.ingest.known_requests import KnownRequests
from services.ingest.made_keys import MadeKeys
from services.ingest.on_chunk_advanced import OnChunkAdvanced
from services.ingest.on_request_accepted import OnRequestAccepted
from services.ingest.on_request_completed import OnRequestCompleted
from services.ingest.on_retry_requested import OnRetryRequested
from services.ingest.parts import Parts, open_parts
from services.ingest.release_chunks import ReleaseChunks
from services.ingest.retry_request import RetryRequest
from services.ingest.settings import IngestSettings
from services.ingest.submit_csv import SubmitCsv, Terms
from services.ingest.sweeper import Sweeper
from services.ingest.url_judge import url_judge
from shared.api_keys import new_token
from shared.api_keys.postgres_keys import PostgresKeys
from shared.events import ChunkAdvanced, ChunkCompleted, RequestAccepted, RequestCompleted, RetryRequested
from shared.http.app import Probe, service_app
from shared.http.callers import Callers, Operators
from shared.ids import RequestId
from shared.kafka.consumer import Consumer, Handling
from shared.kafka.source import kafka_records
from shared.picture_urls import PictureUrls
from shared.process import Role, http_role, run_roles
from shared.service_command import run_service
from shared.topics import REQUESTS_ACCEPTED, REQUESTS_COMPLETED, REQUESTS_PROGRESS

NAME = "ingest"
ROLES = ("api", "planner")
DESCRIPTION = "api: takes CSVs over HTTP. planner: releases the images of accepted requests."
HANDLING = Handling(in_flight=8, ordered_by_key=True)
# A large retry holds its place in the partition for minutes; what others ask for must be able to pass it meanwhile.
RETRY_HANDLING = Handling(in_flight=2, span=4096, ordered_by_key=True)


async def run(settings: IngestSettings, roles: frozenset[str], stop: asyncio.Event) -> None:
    """Run the roles, the sweeper and HTTP until stopped."""
    async with AsyncExitStack() as opened:
        parts = open_parts(settings, opened, name=NAME)
        announcements = BackgroundAnnouncements(parts.producer, parts.requests, now=_now)
        opened.push_async_callback(announcements.close)
        app = service_app(
            NAME,
            _probes(settings, parts, roles),
            operators=Operators.of(settings),
            debug=settings.pixelmill_env == "dev",
            uploads=[SUBMISSIONS],
        )
        running: list[Role] = [_sweeper(settings, parts).run, http_role(app, settings)]
        retry = _retry(settings, parts, announcements)
        if "api" in roles:
            for router in _routers(settings, parts, announcements, retry=retry):
                app.include_router(router)
        if "planner" in roles:
            running += [_planner(parts).run, _retries(parts, retry).run]
        await run_roles(stop, *running)


def _probes(settings: IngestSettings, parts: Parts, roles: frozenset[str]) -> dict[str, Probe]:
    probes: dict[str, Probe] = {
        "postgres": parts.database.probe,
        "s3": partial(parts.store.probe, settings.s3_bucket_requests),
    }
    if "api" not in roles:
        # Without Kafka a CSV is accepted all the same, so only a process that takes none is unready without it.
        probes["kafka"] = parts.producer.probe
    return probes


def _routers(
    settings: IngestSettings, parts: Parts, announcements: BackgroundAnnouncements, *, retry: RetryRequest
) -> tuple[APIRouter, ...]:
    urls = PublicUrls(settings.ingest_public_url, settings.aggregator_public_url, settings.notifier_public_url)
    operators = Operators.of(settings)
    callers = Callers(PostgresKeys(parts.database), operators)
    keys = MadeKeys(PostgresMadeKeys(parts.database), now=_now, new_token=new_token)
    api = SubmitApi(
        callers,
        settings.max_upload_bytes,
        urls,
        recipes=settings.recipes().names,
        url_problem=url_judge(settings.fetch_allow_networks),
    )
    cancel = CancelRequest(parts.requests, announcements, now=_now)
    return (
        submit_router(_submit(settings, parts, announcements), api),
        cancel_router(cancel, callers, urls),
        retry_router(retry, callers, urls),
        delete_router(_delete(parts), callers),
        keys_router(keys, operators),
    )


def _retry(settings: IngestSettings, parts: Parts, announcements: BackgroundAnnouncements) -> RetryRequest:
    timeout = timedelta(seconds=settings.upload_timeout_seconds)
    return RetryRequest(
        parts.requests,
        parts.objects,
        Acceptance(parts.uploads, parts.objects, announcements, timeout=timeout, now=_now),
        limits=settings.limits(),
        now=_now,
        new_id=_new_id,
    )


def _submit(settings: IngestSettings, parts: Parts, announcements: BackgroundAnnouncements) -> SubmitCsv:
    return SubmitCsv(
        parts.uploads,
        parts.objects,
        announcements,
        terms=Terms(
            intake=_intake(settings),
            limits=settings.limits(),
            recipes=settings.recipes(),
            upload_timeout=timedelta(seconds=settings.upload_timeout_seconds),
            uploads_at_once=settings.uploads_at_once,
        ),
        now=_now,
        new_id=_new_id,
    )


def _intake(settings: IngestSettings) -> IntakeTerms:
    key = settings.url_signing_key
    pictures = None if key is None else PictureUrls(settings.aggregator_public_url, key.get_secret_value().encode())
    return IntakeTerms(
        settings.csv_rules(),
        settings.chunk_size,
        settings.max_images_per_request,
        url_problem=url_judge(settings.fetch_allow_networks),
        picture_key=None if pictures is None else pictures.key_of,
    )


def _delete(parts: Parts) -> DeleteRequest:
    return DeleteRequest(parts.requests, parts.objects, parts.producer, now=_now)


def _sweeper(settings: IngestSettings, parts: Parts) -> Sweeper:
    return Sweeper(
        parts.requests,
        parts.producer,
        cancellations=parts.requests,
        uploads=parts.uploads,
        deletions=parts.requests,
        delete=_delete(parts),
        objects=parts.objects,
        pause_seconds=settings.sweep_seconds,
        now=_now,
    )


def _planner(parts: Parts) -> Consumer:
    known = KnownRequests(parts.requests, parts.objects)
    release = ReleaseChunks(parts.requests, parts.objects, parts.producer)
    on_chunk_advanced = OnChunkAdvanced(known, release)
    return Consumer(
        kafka_records(
            parts.connection,
            group=parts.connection.group(NAME, "planner"),
            topics=[REQUESTS_ACCEPTED, REQUESTS_PROGRESS, REQUESTS_COMPLETED],
        ),
        handlers={
            RequestAccepted: OnRequestAccepted(known, release),
            ChunkAdvanced: on_chunk_advanced,
            ChunkCompleted: on_chunk_advanced,
            RequestCompleted: OnRequestCompleted(known, parts.requests),
        },
        dead_letters=parts.producer,
        handling=HANDLING,
    )


def _retries(parts: Parts, retry: RetryRequest) -> Consumer:
    """A group of its own: the planner never waits for the copying of a manifest."""
    return Consumer(
        kafka_records(parts.connection, group=parts.connection.group(NAME, "retries"), topics=[REQUESTS_PROGRESS]),
        handlers={RetryRequested: OnRetryRequested(retry)},
        dead_letters=parts.producer,
        handling=RETRY_HANDLING,
    )


def _new_id() -> RequestId:
    return RequestId(str(uuid4()))


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    sys.exit(run_service(NAME, IngestSettings, run, description=DESCRIPTION, roles=ROLES))
