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
    Event,
    ImageProcessed,
    ImageRequested,
    RequestAccepted,
    RequestAssembled,
    RequestCompleted,
    RequestDeleted,
)

Partitioning = Literal["production", "embedded"]

_WEEK = timedelta(days=7)
_MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `name` has the version and no prefix; `events` are the types that may stand in it."""

    name: str
    events: tuple[type[Event], ...]
    key: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    partitions: int
    kept: timedelta

    @property
    def retention_ms(self) -> int:
        return int(self.kept.total_seconds() * 1000)


REQUESTS_ACCEPTED: Final = Topic(
    "requests.accepted.v1",
    (RequestAccepted,),
    key="request_id",
    writers=("ingest",),
    readers=("planner", "aggregator"),
    partitions=6,
    kept=_MONTH,
)
IMAGES_REQUESTED_EXPRESS: Final = Topic(
    "images.requested.express.v1",
    (ImageRequested,),
    key="image_id",
    writers=("planner",),
    readers=("processor",),
    partitions=24,
    kept=_WEEK,
)
IMAGES_REQUESTED_BULK: Final = replace(IMAGES_REQUESTED_EXPRESS, name="images.requested.bulk.v1")
IMAGES_PROCESSED: Final = Topic(
    "images.processed.v1",
    (ImageProcessed,),
    key="request_id:chunk",
    writers=("processor",),
    readers=("stream",),
    partitions=12,
    kept=_WEEK,
)
REQUESTS_PROGRESS: Final = Topic(
    "requests.progress.v1",
    (ChunkAdvanced, ChunkCompleted, CancelRequested, DeadlinePassed),
    key="request_id",
    writers=("stream",),
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
    readers=("operators",),
    partitions=6,
    kept=_MONTH,
)
WEBHOOKS_DLT: Final = Topic(
    "webhooks.dlt.v1",
    (RequestCompleted,),
    key="as the origin",
    writers=("notifier",),
    readers=("operators",),
    partitions=6,
    kept=_MONTH,
)
UNDECODABLE_DLT: Final = Topic(
    "undecodable.dlt.v1",
    (),
    key="as the origin",
    writers=("every consumer",),
    readers=("operators",),
    partitions=6,
    kept=_MONTH,
)

TOPICS: Final[tuple[Topic, ...]] = (
    REQUESTS_ACCEPTED,
    IMAGES_REQUESTED_EXPRESS,
    IMAGES_REQUESTED_BULK,
    IMAGES_PROCESSED,
    REQUESTS_PROGRESS,
    REQUESTS_ASSEMBLED,
    REQUESTS_COMPLETED,
    REQUESTS_DELETED,
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
