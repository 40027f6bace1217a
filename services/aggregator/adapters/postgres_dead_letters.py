"""Rows of dead letters in Postgres."""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

from services.aggregator.domain.dead_letter import (
    DeadLetter,
    DeadLetterKind,
    LetterGroup,
    LetterId,
    Origin,
    RecordHeaders,
)
from services.aggregator.domain.dead_letter_list import LetterPlace, Wanted
from services.aggregator.replay_dead_letters import LetterRequest
from shared.ids import Owner, RequestId
from shared.postgres import Connection, Database, load_queries

SHOWN_BYTES: Final = 4096
"""What a list has of a key and of a value; headers that are larger are left out."""
MOST_GROUPS: Final = 1000
ROWS_AT_ONCE: Final = 5000

_WHOLE: Final = 2**31 - 1
_REPLAY_LOCK: Final = 0x5049_584D_444C_5452
"""An arbitrary number: whoever holds the advisory lock with this number replays."""
_NOTHING: Final = "DELETE 0"
_NONE_LEFT: Final = "UPDATE 0"
_NEW: Final = "INSERT 0 1"
_OLD: Final = ("delete_some_old_dead_letters", "delete_some_old_replayed_subjects")
_SQL = load_queries("services.aggregator.adapters.sql")


class PostgresDeadLetters:
    """Letters of the topics in `kinds`, by their names on the cluster; others are not seen."""

    def __init__(self, database: Database, kinds: Mapping[str, DeadLetterKind]) -> None:
        self._database = database
        self._kinds = kinds

    async def insert(self, letter: DeadLetter) -> bool:
        origin = letter.origin or Origin("", None, None)
        async with self._database.connection() as connection:
            done = await connection.execute(
                _SQL["insert_dead_letter"],
                *letter.id,
                letter.at,
                letter.code,
                letter.message,
                letter.request_id,
                letter.subject,
                origin.topic or None,
                origin.partition,
                origin.offset,
                letter.key,
                letter.value,
                [[name, None if value is None else b64encode(value).decode()] for name, value in letter.headers],
                letter.lacks,
            )
        return bool(done == _NEW)

    async def page(self, wanted: Wanted, *, before: LetterPlace, limit: int) -> Sequence[DeadLetter]:
        """The newest letters that fit, before a place."""
        async with self._database.connection() as connection:
            arguments = (*self._bounds(wanted), before.at, *before.id, limit, SHOWN_BYTES)
            rows = await connection.fetch(_SQL["dead_letters_page"], *arguments)
        return [self._letter(row) for row in rows]

    async def groups(self, wanted: Wanted) -> Sequence[LetterGroup]:
        """What fits, counted; the group with the newest letter first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["dead_letter_groups"], *self._bounds(wanted), MOST_GROUPS)
        return [
            LetterGroup(self._kinds[row["topic"]], row["code"], row["count"], row["replayed"], row["newest_at"])
            for row in rows
        ]

    async def find(self, letter: LetterId) -> DeadLetter | None:
        """The whole letter."""
        async with self._database.connection() as connection:
            found = await self.read(connection, [letter], shown=_WHOLE)
        return next(iter(found), None)

    async def remove_older(self, kind: DeadLetterKind, than: datetime) -> None:
        """Forget letters of a kind, in steps that stay short."""
        topics = [topic for topic, known in self._kinds.items() if known == kind]
        async with self._database.connection() as connection:
            for topic in topics:
                arguments = (topic, than, ROWS_AT_ONCE)
                for query in _OLD:
                    while await connection.execute(_SQL[query], *arguments) != _NOTHING:
                        pass

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["LettersToReplay"]:
        """Letters to choose from, while nothing is replayed."""
        async with self._database.connection() as connection:
            yield LettersToReplay(self, connection)

    @asynccontextmanager
    async def replaying(self) -> AsyncIterator["LettersToReplay | None"]:
        """The same for the one who replays; None while somebody else does. The lock ends with the connection."""
        async with self._database.connection() as connection:
            if not await _told(connection, "SELECT pg_try_advisory_lock($1)"):
                yield None
                return
            try:
                yield LettersToReplay(self, connection)
            finally:
                await _told(connection, "SELECT pg_advisory_unlock($1)")

    async def read(self, connection: Connection, ids: Sequence[LetterId], *, shown: int) -> list[DeadLetter]:
        own = [each for each in ids if each.topic in self._kinds]
        columns = [list(column) for column in zip(*own, strict=True)] or [[], [], []]
        return [self._letter(row) for row in await connection.fetch(_SQL["find_dead_letters"], *columns, shown)]

    async def choose(
        self, connection: Connection, wanted: Wanted, after: LetterPlace, limit: int
    ) -> tuple[list[DeadLetter], int]:
        arguments = (*self._bounds(wanted), after.at, *after.id)
        rows = await connection.fetch(_SQL["dead_letters_to_replay"], *arguments, limit, SHOWN_BYTES)
        total = await connection.fetchval(_SQL["count_dead_letters_to_replay"], *arguments)
        return [self._letter(row) for row in rows], total

    def _bounds(self, wanted: Wanted) -> tuple[Any, ...]:
        topics = [topic for topic, kind in self._kinds.items() if kind in wanted.kinds]
        return (topics, wanted.code, wanted.request_id)

    def _letter(self, row: Mapping[str, Any]) -> DeadLetter:
        origin = Origin(row["origin_topic"], row["origin_partition"], row["origin_offset"])
        return DeadLetter(
            id=LetterId(row["topic"], row["partition"], row["offset"]),
            kind=self._kinds[row["topic"]],
            at=row["at"],
            code=row["code"],
            message=row["message"],
            request_id=RequestId(str(row["request_id"])) if row["request_id"] else None,
            subject=row["subject"],
            origin=origin if row["origin_topic"] else None,
            key=row["key"],
            value=row["value"],
            headers=_headers(row["headers"] or ()),
            key_bytes=row["key_bytes"],
            value_bytes=row["value_bytes"],
            has_all_headers=row["headers"] is not None,
            lacks=row["lacks"],
            replayed_at=row["replayed_at"],
            replays=row["replays"],
        )


class LettersToReplay:
    """Letters on one connection."""

    def __init__(self, rows: PostgresDeadLetters, connection: Connection) -> None:
        self._rows = rows
        self._connection = connection

    async def named(self, ids: Sequence[LetterId]) -> Sequence[DeadLetter]:
        return await self._rows.read(self._connection, ids, shown=SHOWN_BYTES)

    async def fitting(self, wanted: Wanted, *, after: LetterPlace, limit: int) -> tuple[Sequence[DeadLetter], int]:
        return await self._rows.choose(self._connection, wanted, after, limit)

    async def whole(self, letter: LetterId) -> DeadLetter | None:
        return next(iter(await self._rows.read(self._connection, [letter], shown=_WHOLE)), None)

    async def request(self, request_id: RequestId) -> LetterRequest | None:
        row = await self._connection.fetchrow(_SQL["dead_letter_request"], request_id)
        return None if row is None else LetterRequest(Owner(row["owner"]), bool(row["has_ended"]))

    async def mark(self, letters: Sequence[DeadLetter], *, at: datetime) -> None:
        """In steps that stay short: any number of letters may have the subject."""
        first = letters[0]
        if first.is_replayed_for_good:
            await self._connection.execute(_SQL["mark_subject_replayed"], first.subject, first.id.topic, at)
            return
        columns = [list(column) for column in zip(*(letter.id for letter in letters), strict=True)]
        await self._connection.execute(_SQL["mark_dead_letters_replayed"], *columns, at)
        if first.subject is not None:
            alike = (first.id.topic, first.subject, at, ROWS_AT_ONCE)
            while await self._connection.execute(_SQL["mark_some_alike_dead_letters_replayed"], *alike) != _NONE_LEFT:
                pass


async def _told(connection: Connection, about_lock: str) -> bool:
    try:
        return bool(await connection.fetchval(about_lock, _REPLAY_LOCK))
    except BaseException:
        # Whether the lock is held is not known: it ends with the connection.
        connection.terminate()
        raise


def _headers(stored: Sequence[Sequence[Any]]) -> RecordHeaders:
    return tuple((name, None if value is None else b64decode(value)) for name, value in stored)
