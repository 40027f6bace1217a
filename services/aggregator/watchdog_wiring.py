"""What the watchdog is made of."""

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol
from uuid import uuid4

from services.aggregator.adapters.kafka_offsets import KafkaOffsets
from services.aggregator.adapters.postgres_lease import PostgresLease
from services.aggregator.adapters.postgres_requests import PostgresRequests
from services.aggregator.adapters.postgres_watch import PostgresWatch
from services.aggregator.barrier import (
    Barrier,
    Offsets,
    Stage,
    acceptances_read,
    images_done,
    progress_read,
    releases_read,
)
from services.aggregator.behind_barrier import BehindBarrier, Repair
from services.aggregator.domain.standstill import Standstills
from services.aggregator.known_requests import KnownRequests
from services.aggregator.lost_images import ChunkResults, RequestAgain
from services.aggregator.overdue_requests import (
    OverdueRequests,
    OverdueRows,
    StuckRequests,
    StuckRows,
    UnheardRequests,
    UnheardRows,
)
from services.aggregator.said_again import AnnounceAgain, CompleteAgain, CompleteChunks, ReleaseAgain, RequestRows
from services.aggregator.settings import AggregatorSettings
from services.aggregator.stalled_requests import PAGE, OpenRequests, StalledRequests, Suspicions
from services.aggregator.watchdog import Duty, Watchdog
from shared.kafka.connection import KafkaConnection
from shared.kafka.producer import Facts
from shared.postgres import Database

# How many looks at a barrier fit into the patience.
BARRIER_LOOKS = 12


class Watch(OpenRequests, CompleteChunks, ChunkResults, OverdueRows, UnheardRows, StuckRows, Protocol):
    """Everything that is asked of Postgres for it."""


@dataclass(frozen=True, slots=True)
class WatchedParts:
    """What the watchdog looks at, and how it speaks."""

    watch: Watch
    rows: RequestRows
    requests: KnownRequests
    facts: Facts
    offsets: Offsets


def watchdog(
    settings: AggregatorSettings,
    requests: KnownRequests,
    facts: Facts,
    *,
    database: Database,
    now: Callable[[], datetime],
) -> Watchdog:
    """A watchdog for one finisher; all share one lease."""
    holder = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
    connection = KafkaConnection(settings)
    lease = PostgresLease(database, name=connection.group("aggregator", "watchdog"), holder=holder)
    offsets = KafkaOffsets(connection)
    parts = WatchedParts(PostgresWatch(database), PostgresRequests(database), requests, facts, offsets)
    patience = timedelta(seconds=settings.stall_seconds)
    deferred_for = timedelta(seconds=settings.source_patience_seconds)
    return Watchdog(lease, partial(duties, parts, patience=patience, deferred_for=deferred_for), now=now)


def duties(parts: WatchedParts, *, patience: timedelta, deferred_for: timedelta, page: int = PAGE) -> Sequence[Duty]:
    """All that a watchdog does. `deferred_for` is how long an image may wait for its source."""
    watch, requests, facts = parts.watch, parts.requests, parts.facts
    standstills = Standstills(patience)

    def behind(name: str, stages: Callable[[], Sequence[Stage]], repair: Repair) -> BehindBarrier:
        between_looks = patience / BARRIER_LOOKS
        return BehindBarrier(name, lambda: Barrier(parts.offsets, stages()), repair, between_looks=between_looks)

    announce = AnnounceAgain(parts.rows, requests, facts, patience=patience)
    complete = CompleteAgain(watch, requests, facts, patience=patience)
    release = ReleaseAgain(watch, requests, facts, standstills=standstills)
    announcements = behind("acceptances", acceptances_read, announce)
    completions = behind("progress", progress_read, complete)
    releases = behind("releases", releases_read, release)
    images = behind("images", partial(images_done, deferred_for), RequestAgain(watch, requests, facts))
    suspicions = Suspicions(completions, releases, images)
    return (
        OverdueRequests(watch, facts, patience=patience, page=page),
        UnheardRequests(watch, announcements, patience=patience, page=page),
        StalledRequests(watch, standstills, suspicions, patience=patience, page=page),
        announcements,
        completions,
        releases,
        images,
        StuckRequests(watch),
    )
