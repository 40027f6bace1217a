"""What a person asks to have delivered once more, and what was done about it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from services.notifier.domain.delivery import DeliveryId, DeliveryState
from shared.ids import Owner, RequestId

MOST_AT_ONCE: Final = 1000


class RedeliveryRunning(Exception):
    """Webhooks of this owner are being delivered once more. Try again when the last of them is due."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(self.__doc__)
        self.wait = wait


class Place(NamedTuple):
    """A place in the list: what comes after it is newer, or as old with a higher id. It need not be a delivery's."""

    created_at: datetime
    delivery_id: UUID


BEGINNING: Final = Place(datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))


@dataclass(frozen=True, slots=True)
class Redelivery:
    """Deliveries of one owner that were owed from `since` to before `until`, after the place `after`."""

    owner: Owner
    since: datetime
    until: datetime
    states: Collection[DeliveryState]
    request_id: RequestId | None = None
    after: Place = BEGINNING
    limit: int = MOST_AT_ONCE


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A delivery, as far as it must be known to begin it anew."""

    delivery_id: DeliveryId
    request_id: RequestId
    url: str
    created_at: datetime

    @property
    def place(self) -> Place:
        return Place(self.created_at, UUID(self.delivery_id))


@dataclass(frozen=True, slots=True)
class Found:
    """The oldest that fit, and how many fit in all."""

    first: Sequence[Repeatable]
    total: int

    @property
    def end(self) -> Place | None:
        """Where to go on; None when these are all."""
        return self.first[-1].place if len(self.first) < self.total else None


@dataclass(frozen=True, slots=True)
class RedeliveryReport:
    """`scheduled` of those that match; `disabled` of this call are at endpoints that are not called."""

    matching: int
    scheduled: int
    disabled: int
    next_place: Place | None
    stopped: str | None = None
