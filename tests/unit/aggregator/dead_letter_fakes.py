"""Stand-ins for what dead letters need, and letters to feed it with."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from services.aggregator.dead_letter_records import letter_of
from services.aggregator.domain.dead_letter import DeadLetter, DeadLetterKind, LetterGroup, LetterId
from services.aggregator.domain.dead_letter_list import LetterPlace, Wanted
from services.aggregator.replay_dead_letters import LetterRequest
from shared.errors import DependencyAway
from shared.events import Event
from shared.ids import LOCAL_OWNER, RequestId
from shared.kafka.cloudevents import Encoded
from shared.kafka.records import Record
from shared.topics import Topic
from tests.unit.aggregator.fakes import NOON, REQUEST

OTHER_REQUEST = RequestId("00000000-0000-4000-8000-000000000001")
DELIVERY = "2b9a4c1e-7d3f-5a6b-8c0d-1e2f3a4b5c6d"
TOPICS: dict[DeadLetterKind, str] = {
    "image": "images.dlt.v1",
    "delivery": "webhooks.dlt.v1",
    "undecodable": "undecodable.dlt.v1",
}
MARKS = (
    ("origin-topic", b"requests.progress.v1"),
    ("origin-partition", b"2"),
    ("origin-offset", b"17"),
    ("error-code", b"timeout"),
    ("error-message", b"It took too long."),
)


def letter_record(kind: DeadLetterKind, offset: int = 0, *, value: bytes = b"{}", **changes: object) -> Record:
    """A record of a dead letter topic, a second younger with each offset."""
    at = int((NOON + timedelta(seconds=offset)).timestamp() * 1000)
    record = Record(TOPICS[kind], 0, offset, b"key", value, MARKS, at)
    return replace(record, **changes)  # type: ignore[arg-type]  # fields of a record


def image_letter(offset: int = 0, *, request_id: RequestId = REQUEST) -> DeadLetter:
    value = f'{{"request_id": "{request_id}"}}'.encode()
    return letter_of(letter_record("image", offset, value=value), "image")


def delivery_letter(offset: int = 0, *, delivery_id: str = DELIVERY) -> DeadLetter:
    value = f'{{"request_id": "{REQUEST}", "owner": "local", "delivery_id": "{delivery_id}", "attempt": 10}}'.encode()
    return letter_of(letter_record("delivery", offset, value=value), "delivery")


def undecodable_letter(offset: int = 0, **changes: object) -> DeadLetter:
    return letter_of(letter_record("undecodable", offset, **changes), "undecodable")  # type: ignore[arg-type]  # fields


class FakeLetters:
    """Rows of letters, with the conditions of the real statements."""

    def __init__(self, *letters: DeadLetter) -> None:
        self.rows = {letter.id: letter for letter in letters}
        self.requests = {REQUEST: LetterRequest(LOCAL_OWNER, has_ended=True)}
        self.is_replaying = False
        self.subjects: dict[str, tuple[datetime, int]] = {}

    async def insert(self, letter: DeadLetter) -> bool:
        is_new = letter.id not in self.rows
        self.rows.setdefault(letter.id, letter)
        if letter.is_replayed_for_good and letter.subject in self.subjects:
            at, replays = self.subjects[letter.subject]
            self.rows[letter.id] = replace(letter, replayed_at=at, replays=replays)
        return is_new

    async def page(self, wanted: Wanted, *, before: LetterPlace, limit: int) -> Sequence[DeadLetter]:
        older = [letter for letter in self._fitting(wanted) if (letter.at, letter.id) < before]
        return older[::-1][:limit]

    async def groups(self, wanted: Wanted) -> Sequence[LetterGroup]:
        fitting = self._fitting(wanted)[::-1]
        names = dict.fromkeys((letter.kind, letter.code) for letter in fitting)
        return [self._group([each for each in fitting if (each.kind, each.code) == name]) for name in names]

    async def find(self, letter: LetterId) -> DeadLetter | None:
        return self.rows.get(letter)

    async def whole(self, letter: LetterId) -> DeadLetter | None:
        return self.rows.get(letter)

    async def named(self, ids: Sequence[LetterId]) -> Sequence[DeadLetter]:
        return [letter for each, letter in self.rows.items() if each in ids]

    async def fitting(self, wanted: Wanted, *, after: LetterPlace, limit: int) -> tuple[Sequence[DeadLetter], int]:
        waiting = [
            letter for letter in self._fitting(wanted) if letter.replayed_at is None and (letter.at, letter.id) > after
        ]
        return waiting[:limit], len(waiting)

    async def request(self, request_id: RequestId) -> LetterRequest | None:
        return self.requests.get(request_id)

    async def mark(self, letters: Sequence[DeadLetter], *, at: datetime) -> None:
        chosen = {letter.id for letter in letters}
        subject = letters[0].subject
        if subject is not None and letters[0].is_replayed_for_good:
            self.subjects[subject] = (at, letters[0].replays + 1)
        for letter in list(self.rows.values()):
            is_alike = subject is not None and letter.subject == subject
            is_due = letter.replayed_at is None or letter.is_replayed_for_good
            if letter.id in chosen or (is_alike and is_due):
                self.rows[letter.id] = replace(letter, replayed_at=at, replays=letter.replays + 1)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["FakeLetters"]:
        yield self

    @asynccontextmanager
    async def replaying(self) -> AsyncIterator["FakeLetters | None"]:
        yield None if self.is_replaying else self

    @property
    def replayed(self) -> list[int]:
        """Offsets of the letters that are marked."""
        return sorted(letter.id.offset for letter in self.rows.values() if letter.replayed_at)

    def _fitting(self, wanted: Wanted) -> list[DeadLetter]:
        fitting = [
            letter
            for letter in self.rows.values()
            if letter.kind in wanted.kinds
            and wanted.code in (None, letter.code)
            and wanted.request_id in (None, letter.request_id)
        ]
        return sorted(fitting, key=lambda letter: (letter.at, letter.id))

    def _group(self, alike: Sequence[DeadLetter]) -> LetterGroup:
        replayed = sum(letter.replayed_at is not None for letter in alike)
        return LetterGroup(alike[0].kind, alike[0].code, len(alike), replayed, alike[0].at)


class FakeRecords:
    """Keeps what goes out; from the record `away_from` on, the broker is away."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Event | Encoded]] = []
        self.away_from: int | None = None

    async def publish(self, topic: Topic, *events: Event) -> None:
        for event in events:
            self._send(topic, event)

    async def append(self, topic: Topic, record: Encoded) -> None:
        self._send(topic, record)

    def _send(self, topic: Topic, what: Event | Encoded) -> None:
        if self.away_from is not None and len(self.sent) >= self.away_from:
            raise DependencyAway("kafka", "no acknowledgement in time")
        self.sent.append((topic.name, what))
