"""Ids and times of webhook secrets in Postgres, schema `notifier`. The secrets themselves are kept nowhere."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from services.notifier.domain.webhook_secrets import MOST_SIGNING, SecretId, SecretTerm, TooManySecrets
from shared.ids import Owner
from shared.postgres import Database, load_queries

_DELETED: Final = "DELETE 1"
_SQL = load_queries("services.notifier.adapters.sql")


class PostgresSecrets:
    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now

    async def of(self, owner: Owner) -> Sequence[SecretTerm]:
        """Those that sign, the newest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["secrets_of_owner"], owner, self._now())
        return [_term(row) for row in rows]

    async def inherited_until(self, owner: Owner) -> datetime | None:
        """Until when what an owner had before its first secret signs; None when it never made one."""
        async with self._database.connection() as connection:
            until: datetime | None = await connection.fetchval(_SQL["inherited_until"], owner)
        return until

    async def make(self, owner: Owner, overlap: timedelta) -> SecretTerm:
        """A new one; those before it end after the overlap. Raises `TooManySecrets`, never without an overlap."""
        now = self._now()
        term, earlier_until = SecretTerm(SecretId(str(uuid4())), now), now + overlap
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["lock_secrets"], owner)
            signing = await connection.fetchval(_SQL["count_secrets"], owner, now)
            if overlap and signing >= MOST_SIGNING:
                raise TooManySecrets
            await connection.execute(_SQL["end_secrets"], owner, earlier_until)
            await connection.execute(_SQL["end_inherited"], owner, earlier_until)
            await connection.execute(_SQL["delete_ended_secrets"], owner, now)
            await connection.execute(_SQL["insert_secret"], term.secret_id, owner, now, earlier_until)
        return term

    async def end(self, owner: Owner, secret_id: SecretId) -> bool:
        """End one now; False when the owner has no such secret."""
        async with self._database.connection() as connection:
            return bool(await connection.execute(_SQL["delete_secret"], secret_id, owner) == _DELETED)


def _term(row: Mapping[str, Any]) -> SecretTerm:
    return SecretTerm(SecretId(str(row["secret_id"])), row["created_at"], row["expires_at"])
