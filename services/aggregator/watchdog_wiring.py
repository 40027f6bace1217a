"""What the watchdog is made of."""

import os
import socket
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from services.aggregator.adapters.kafka_offsets import KafkaOffsets
from services.aggregator.adapters.postgres_lease import PostgresLease
from services.aggregator.adapters.postgres_watch import PostgresWatch
from services.aggregator.barrier import Barrier, events_read, images_done
from services.aggregator.behind_barrier import BehindBarrier
from services.aggregator.domain.standstill import Standstills
from services.aggregator.known_requests import KnownRequests
from services.aggregator.lost_images import ReleaseAgain, RequestAgain
from services.aggregator.overdue_requests import OverdueRequests, StuckRequests, UnheardRequests
from services.aggregator.settings import AggregatorSettings
from services.aggregator.stalled_requests import StalledRequests
from services.aggregator.watchdog import Duty, Watchdog
from shared.kafka.connection import KafkaConnection
from shared.kafka.producer import Facts
from shared.postgres import Database


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
    watch, offsets = PostgresWatch(database), KafkaOffsets(connection)
    duties = partial(_duties, settings, requests, facts, watch=watch, offsets=offsets)
    return Watchdog(lease, duties, now=now)


def _duties(
    settings: AggregatorSettings,
    requests: KnownRequests,
    facts: Facts,
    *,
    watch: PostgresWatch,
    offsets: KafkaOffsets,
) -> Sequence[Duty]:
    patience = timedelta(seconds=settings.stall_seconds)
    deferred_for = timedelta(seconds=settings.source_patience_seconds)
    standstills = Standstills(patience)
    releases = BehindBarrier(
        "events",
        lambda: Barrier(offsets, events_read()),
        ReleaseAgain(watch, requests, facts, standstills=standstills),
    )
    images = BehindBarrier(
        "images", lambda: Barrier(offsets, images_done(deferred_for)), RequestAgain(watch, requests, facts)
    )
    stalled = StalledRequests(
        watch, requests, facts, standstills=standstills, releases=releases, images=images, patience=patience
    )
    return (
        OverdueRequests(watch, facts, patience=patience),
        UnheardRequests(watch, facts, patience=patience),
        stalled,
        releases,
        images,
        StuckRequests(watch),
    )
