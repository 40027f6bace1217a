"""Lists of dead letters: which are wanted, places between letters, and opaque cursors that name them."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from services.aggregator.domain.dead_letter import KINDS, DeadLetter, DeadLetterKind, LetterId, letter_id
from shared.ids import RequestId

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class NotACursor(ValueError):
    """The cursor is none that a list gave. Use `next_cursor` as it is, or leave `cursor` away to begin anew."""


class LetterPlace(NamedTuple):
    """A place among letters: by time, then by id."""

    at: datetime
    id: LetterId


NEWEST: Final = LetterPlace(datetime(9999, 1, 1, tzinfo=UTC), LetterId("", 0, 0))
"""After all letters: where a list that goes back in time begins."""
OLDEST: Final = LetterPlace(_EPOCH, LetterId("", 0, 0))
"""Before all letters: where a list that goes on in time begins."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters: all that fit everything that is given."""

    kind: DeadLetterKind | None = None
    code: str | None = None
    request_id: RequestId | None = None

    @property
    def kinds(self) -> tuple[DeadLetterKind, ...]:
        return KINDS if self.kind is None else (self.kind,)


EVERY_LETTER: Final = Wanted()


def cursor_after(letters: Sequence[DeadLetter], limit: int) -> str | None:
    """The cursor with which a list goes on after these; none when they do not fill their page."""
    if len(letters) < limit:
        return None
    last = letters[-1]
    text = f"{(last.at - _EPOCH) // _MICROSECOND}:{last.id}"
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def place_of_cursor(cursor: str) -> LetterPlace:
    """Read a cursor; raises `NotACursor`."""
    try:
        text = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode()
        moment, _, name = text.partition(":")
        at = _EPOCH + timedelta(microseconds=int(moment))
        return LetterPlace(at, letter_id(name))
    except (ValueError, OverflowError):
        raise NotACursor(NotACursor.__doc__) from None
