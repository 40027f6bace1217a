"""The events of Pixelmill: frozen models, one for each CloudEvents type.

Adding an optional field is free. Anything else is a new version: a new model and a new topic.
"""

from shared.events.base import Event, Timestamp, rfc3339
from shared.events.images import (
    CarriedRendition,
    CarryOver,
    ImageError,
    ImageProcessed,
    ImageRequested,
    Note,
    Outcome,
    ProcessedOutcome,
    SourceFacts,
    StoredRendition,
)
from shared.events.requests import (
    ByteCounts,
    CancelRequested,
    ChunkAdvanced,
    ChunkCompleted,
    ChunkProgress,
    DeadlinePassed,
    DeliveryDue,
    EndState,
    ImageCounts,
    Lane,
    RequestAccepted,
    RequestAssembled,
    RequestCompleted,
    RequestDeleted,
    RetryRequested,
    StoredCsv,
)

EVENTS: tuple[type[Event], ...] = (
    RequestAccepted,
    ImageRequested,
    ImageProcessed,
    ChunkAdvanced,
    ChunkCompleted,
    CancelRequested,
    DeadlinePassed,
    RequestAssembled,
    RequestCompleted,
    RequestDeleted,
    RetryRequested,
    DeliveryDue,
)

__all__ = [
    "EVENTS",
    "ByteCounts",
    "CancelRequested",
    "CarriedRendition",
    "CarryOver",
    "ChunkAdvanced",
    "ChunkCompleted",
    "ChunkProgress",
    "DeadlinePassed",
    "DeliveryDue",
    "EndState",
    "Event",
    "ImageCounts",
    "ImageError",
    "ImageProcessed",
    "ImageRequested",
    "Lane",
    "Note",
    "Outcome",
    "ProcessedOutcome",
    "RequestAccepted",
    "RequestAssembled",
    "RequestCompleted",
    "RequestDeleted",
    "RetryRequested",
    "SourceFacts",
    "StoredCsv",
    "StoredRendition",
    "Timestamp",
    "rfc3339",
]
