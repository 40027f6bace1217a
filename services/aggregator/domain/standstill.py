"""Which requests have not moved for how long, and what was said of them, remembered from look to look.

None of it is lost knowledge: who begins without it sees the same after a while, and says one thing once more.
"""

from collections import OrderedDict
from collections.abc import Collection, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.aggregator.domain.open_request import OpenRequest
from shared.ids import RequestId

# Those beyond it get their turn when others have ended.
MOST_REMEMBERED = 100_000
LONGEST_SILENCE = timedelta(hours=1)
_MOST_DOUBLINGS = 20


@dataclass(slots=True)
class Standstill:
    """How a request stands since `since`, and which of its chunks were released again."""

    signature: int
    since: datetime
    released_again: set[int] = field(default_factory=set)


class Standstills:
    """How the requests stood that were looked at last time."""

    def __init__(self, patience: timedelta, *, most: int = MOST_REMEMBERED) -> None:
        self._patience = patience
        self._most = most
        self._known: dict[RequestId, Standstill] = {}

    def look(self, request: OpenRequest, now: datetime) -> Standstill | None:
        """Take in how a request stands; return its standstill once that has lasted for the patience."""
        known = self._known.get(request.request_id)
        if known is None:
            if len(self._known) < self._most:
                self._known[request.request_id] = Standstill(request.signature, now)
            return None
        if known.signature != request.signature:
            known.signature, known.since = request.signature, now
        return known if now - known.since >= self._patience else None

    def find(self, request_id: RequestId, now: datetime) -> Standstill | None:
        """The standstill of a request, unless it was seen to move since, or to have ended."""
        known = self._known.get(request_id)
        return known if known is not None and now - known.since >= self._patience else None

    def forget_all_but(self, seen: Collection[RequestId]) -> None:
        self._known = {each: known for each, known in self._known.items() if each in seen}

    def __len__(self) -> int:
        return len(self._known)


class Reminders:
    """What was said when. It may be said again after the patience, and then ever more rarely, up to the longest."""

    def __init__(
        self, patience: timedelta, *, longest: timedelta = LONGEST_SILENCE, most: int = MOST_REMEMBERED
    ) -> None:
        self._patience = patience
        self._longest = max(patience, longest)
        self._most = most
        self._said: OrderedDict[Hashable, tuple[int, datetime]] = OrderedDict()

    def is_due(self, what: Hashable, now: datetime) -> bool:
        _, quiet_until = self._said.get(what, (0, now))
        return now >= quiet_until

    def said(self, what: Hashable, now: datetime) -> None:
        times, _ = self._said.pop(what, (0, now))
        silence = min(self._patience * 2 ** min(times, _MOST_DOUBLINGS), self._longest)
        self._said[what] = (times + 1, now + silence)
        # The oldest may be said too often then, which is better than to grow without end.
        while len(self._said) > self._most:
            self._said.popitem(last=False)

    def __len__(self) -> int:
        return len(self._said)
