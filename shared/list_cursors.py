"""Opaque cursors of lists that are ordered by a moment and an id: they name a place, whatever stands there later."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class NotACursor(ValueError):
    """The cursor is none that a list gave. Use `next_cursor` as it is, or leave `cursor` away to begin anew."""


def cursor_of(moment: datetime, name: UUID) -> str:
    """The cursor with which a list goes on after this place."""
    text = f"{(moment - _EPOCH) // _MICROSECOND}.{name.hex}"
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def place_of(cursor: str) -> tuple[datetime, UUID]:
    """The place that a cursor names; raises `NotACursor`."""
    try:
        text = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode()
        moment, _, name = text.partition(".")
        return _EPOCH + timedelta(microseconds=int(moment)), UUID(hex=name)
    except (ValueError, OverflowError):
        raise NotACursor(NotACursor.__doc__) from None
