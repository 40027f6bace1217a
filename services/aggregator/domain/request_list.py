"""Lists of requests, newest first: places between requests, and opaque cursors that name them."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from services.aggregator.domain.status import VisibleState
from shared.ids import Owner

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LOWEST_ID: Final = UUID(int=0)
_MICROSECOND: Final = timedelta(microseconds=1)


class NotACursor(ValueError):
    """The cursor is none that a list gave. Use `next_cursor` as it is, or leave `cursor` away to begin anew."""


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
        places.append(_parsed(cursor))
    return min(places)


def cursor_after(place: Place) -> str:
    """The cursor with which a list goes on after `place`."""
    text = f"{(place.submitted_at - _EPOCH) // _MICROSECOND}.{place.request_id.hex}"
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _parsed(cursor: str) -> Place:
    try:
        text = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode()
        moment, _, request_id = text.partition(".")
        return Place(_EPOCH + timedelta(microseconds=int(moment)), UUID(hex=request_id))
    except (ValueError, OverflowError):
        raise NotACursor(NotACursor.__doc__) from None
