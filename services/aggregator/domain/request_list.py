"""Lists of requests, newest first: places between requests, and opaque cursors that name them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from services.aggregator.domain.status import VisibleState
from shared.ids import Owner
from shared.list_cursors import cursor_of, place_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LOWEST_ID: Final = UUID(int=0)


class Place(NamedTuple):
    """A place in the list: everything that is listed after it is older, or as old with a lower id."""

    submitted_at: datetime
    request_id: UUID


BEGINNING: Final = Place(datetime(9999, 1, 1, tzinfo=UTC), _LOWEST_ID)


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which requests are wanted: at most `limit` of `owner` after place `after`, none older than `since`."""

    owner: Owner
    limit: int
    state: VisibleState | None = None
    since: datetime = _EPOCH
    after: Place = BEGINNING


def first_place(*, until: datetime | None, cursor: str | None) -> Place:
    """Where a page begins. `until` itself is not listed; raises `NotACursor`."""
    places = [BEGINNING]
    if until is not None:
        places.append(Place(until, _LOWEST_ID))
    if cursor is not None:
        places.append(Place(*place_of(cursor)))
    return min(places)


def cursor_after(place: Place) -> str:
    """The cursor with which a list goes on after `place`."""
    return cursor_of(place.submitted_at, place.request_id)
