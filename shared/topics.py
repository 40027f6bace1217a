"""The one table of topics: names, partitions, retention, keys, who writes and who reads.

Partition counts hold from the first start on: a record's key decides its partition, and the changelog of the
aggregator's table has the partitions of its source topic.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal

from shared.events import (
    CancelRequested,
    ChunkAdvanced,
    ChunkCompleted,
    DeadlinePassed,
    DeliveryDue,
    Event,
    ImageProcessed,
    ImageRequested,
    RequestAccepted,
    RequestAssembled,
    RequestCompleted,
    RequestDeleted,
    RetryRequested,
)

Partitioning = Literal["production", "embedded"]

_WEEK = timedelta(days=7)
_MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `name` has the version and no prefix; `events` are the types that may stand in it.

    The records of a retry tier are due `delay` after their append; elsewhere it is zero. `weight` is the share of
    turns that a reader of several topics gives to each partition of this one. Without a `largest_record_bytes` the
    broker's own limit holds.
    """

    name: str
    events: tuple[type[Event], ...]
    key: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    partitions: int
    kept: timedelta
    delay: timedelta = timedelta(0)
    weight: int = 1
    largest_record_bytes: int | None = None

    @property
    def retention_ms(self) -> int:
        return int(self.kept.total_seconds() * 1000)


REQUESTS_ACCEPTED: Final = Topic(
    "requests.accepted.v1",
    (RequestAccepted,),
    key="request_id",
    writers=("ingest", "watchdog"),
    readers=("planner", "aggregator"),
    partitions=6,
    kept=_MONTH,
)
IMAGES_REQUESTED_EXPRESS: Final = Topic(
    "images.requested.express.v1",
    (ImageRequested,),
    key="image_id",
    writers=("planner", "watchdog"),
    readers=("processor",),
    partitions=24,
    kept=_WEEK,
    # Small requests overtake large ones, and do not starve them.
    weight=4,
)
IMAGES_REQUESTED_BULK: Final = replace(IMAGES_REQUESTED_EXPRESS, name="images.requested.bulk.v1", weight=1)


def _tiers(first: Topic, **delays: timedelta) -> tuple[Topic, ...]:
    """The retry tiers beside `first`, the shortest first; their names end in their delay."""
    stem = first.name.removesuffix(".v1").rpartition(".")[0]
    return tuple(replace(first, name=f"{stem}.{name.strip('_')}.v1", delay=delay) for name, delay in delays.items())


IMAGES_RETRY: Final = _tiers(
    Topic(
        "images.retry.tier.v1",
        (ImageRequested,),
        key="image_id",
        writers=("processor",),
        readers=("processor",),
        partitions=6,
        kept=_WEEK,
    ),
    _1s=timedelta(seconds=1),
    _2s=timedelta(seconds=2),
    _4s=timedelta(seconds=4),
    _30s=timedelta(seconds=30),
)
WEBHOOKS_RETRY: Final = _tiers(
    Topic(
        "webhooks.retry.tier.v1",
        (DeliveryDue,),
        key="delivery_id",
        writers=("notifier", "aggregator (replay)"),
        readers=("notifier",),
        partitions=6,
        kept=_WEEK,
    ),
    _5s=timedelta(seconds=5),
    _30s=timedelta(seconds=30),
    _5m=timedelta(minutes=5),
    _30m=timedelta(minutes=30),
)
IMAGES_PROCESSED: Final = Topic(
    "images.processed.v1",
    (ImageProcessed,),
    key="request_id:chunk",
    writers=("processor", "watchdog"),
    readers=("stream",),
    partitions=12,
    kept=_WEEK,
)
REQUESTS_PROGRESS: Final = Topic(
    "requests.progress.v1",
    (ChunkAdvanced, ChunkCompleted, CancelRequested, DeadlinePassed, RetryRequested),
    key="request_id",
    writers=("stream", "ingest (cancel)", "watchdog", "aggregator (replay)"),
    readers=("assembler", "planner"),
    partitions=6,
    kept=_MONTH,
)
REQUESTS_ASSEMBLED: Final = Topic(
    "requests.assembled.v1",
    (RequestAssembled,),
    key="request_id",
    writers=("assembler",),
    readers=("publisher",),
    partitions=6,
    kept=_MONTH,
)
REQUESTS_COMPLETED: Final = Topic(
    "requests.completed.v1",
    (RequestCompleted,),
    key="request_id",
    writers=("publisher",),
    readers=("notifier", "aggregator", "ingest", "users"),
    partitions=6,
    kept=_MONTH,
)
REQUESTS_DELETED: Final = Topic(
    "requests.deleted.v1",
    (RequestDeleted,),
    key="request_id",
    writers=("ingest",),
    readers=("aggregator", "notifier"),
    partitions=6,
    kept=_MONTH,
)
IMAGES_DLT: Final = Topic(
    "images.dlt.v1",
    (ImageRequested,),
    key="as the origin",
    writers=("processor",),
    readers=("aggregator", "operators"),
    partitions=6,
    kept=_MONTH,
)
WEBHOOKS_DLT: Final = Topic(
    "webhooks.dlt.v1",
    (DeliveryDue,),
    key="as the origin",
    writers=("notifier",),
    readers=("aggregator", "operators"),
    partitions=6,
    kept=_MONTH,
)
UNDECODABLE_DLT: Final = Topic(
    "undecodable.dlt.v1",
    (),
    key="as the origin",
    writers=("every consumer",),
    readers=("aggregator", "operators"),
    partitions=6,
    kept=_MONTH,
    # More than the topics that its records come from: a letter has headers besides.
    largest_record_bytes=3_000_000,
)

TOPICS: Final[tuple[Topic, ...]] = (
    REQUESTS_ACCEPTED,
    IMAGES_REQUESTED_EXPRESS,
    IMAGES_REQUESTED_BULK,
    *IMAGES_RETRY,
    IMAGES_PROCESSED,
    REQUESTS_PROGRESS,
    REQUESTS_ASSEMBLED,
    REQUESTS_COMPLETED,
    REQUESTS_DELETED,
    *WEBHOOKS_RETRY,
    IMAGES_DLT,
    WEBHOOKS_DLT,
    UNDECODABLE_DLT,
)

# Idle partitions cost CPU, and one machine needs few of them; several processors and aggregators still share.
_EMBEDDED_PARTITIONS: Final = {24: 8, 12: 4, 6: 2}


def partitioned(partitioning: Partitioning) -> tuple[Topic, ...]:
    """Return the topics with the partition counts of a production cluster or of the embedded broker."""
    if partitioning == "production":
        return TOPICS
    return tuple(replace(topic, partitions=_EMBEDDED_PARTITIONS[topic.partitions]) for topic in TOPICS)
