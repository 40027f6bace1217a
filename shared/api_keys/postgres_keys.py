"""API keys as every service reads them. They stand in ingest's schema, which ingest alone writes."""

from shared.api_keys.tokens import KeyId, StoredKey
from shared.ids import Owner
from shared.postgres import Database, load_queries

_SQL = load_queries("shared.api_keys.sql")


class PostgresKeys:
    """Every call asks Postgres, so that a revoked key is worth nothing at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key_id: KeyId) -> StoredKey | None:
        """The key, unless there is none or it was revoked."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["find_api_key"], key_id)
        return None if row is None else StoredKey(key_id, Owner(row["owner"]), row["digest"])
