"""What a person asks to have delivered once more, and what was done about it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.notifier.domain.delivery import DeliveryId, DeliveryState
from shared.ids import Owner, RequestId

MOST_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Redelivery:
    """Deliveries of one owner that were owed from `since` to before `until`, after the delivery `after`."""

    owner: Owner
    since: datetime
    until: datetime
    states: Collection[DeliveryState]
    request_id: RequestId | None = None
    after: DeliveryId | None = None
    limit: int = MOST_AT_ONCE


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A delivery, as far as it must be known to begin it anew."""

    delivery_id: DeliveryId
    request_id: RequestId
    url: str


@dataclass(frozen=True, slots=True)
class Found:
    """The oldest that fit, and how many fit in all."""

    first: Sequence[Repeatable]
    total: int

    @property
    def cursor(self) -> DeliveryId | None:
        """Where to go on; None when these are all."""
        return self.first[-1].delivery_id if len(self.first) < self.total else None


@dataclass(frozen=True, slots=True)
class RedeliveryReport:
    """`scheduled` of those that match; `disabled` of this call are at endpoints that are not called."""

    matching: int
    scheduled: int
    disabled: int
    next_cursor: DeliveryId | None
    stopped: str | None = None
