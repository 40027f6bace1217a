"""API keys as operators make, list and revoke them, in Postgres. Of a key itself only its digest is kept."""

from collections.abc import Sequence
from datetime import datetime

from services.ingest.domain.quotas import Quotas
from services.ingest.made_keys import MadeKey
from shared.api_keys import KeyId
from shared.ids import Owner
from shared.postgres import Database, load_queries

_SQL = load_queries("services.ingest.adapters.sql")


class PostgresMadeKeys:
    """Connection trouble is `DependencyAway`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: MadeKey, digest: bytes) -> None:
        quotas = key.quotas.model_dump(exclude_none=True)
        async with self._database.connection() as connection:
            await connection.execute(
                _SQL["insert_api_key"], key.key_id, key.owner, key.name, digest, key.created_at, quotas
            )

    async def listed(self, owner: Owner | None) -> Sequence[MadeKey]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["list_api_keys"], owner)
        return [
            MadeKey(
                KeyId(row["key_id"]),
                Owner(row["owner"]),
                row["name"],
                created_at=row["created_at"],
                revoked_at=row["revoked_at"],
                quotas=Quotas.stored(row["quotas"]),
            )
            for row in rows
        ]

    async def revoke(self, key_id: KeyId, now: datetime) -> bool:
        async with self._database.connection() as connection:
            return await connection.fetchval(_SQL["revoke_api_key"], key_id, now) is not None
