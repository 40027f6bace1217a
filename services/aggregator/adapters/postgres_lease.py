"""A lease in Postgres: whoever holds it is the only one to do something, as long as it renews it in time."""

from datetime import timedelta

from shared.postgres import Database, load_queries

_SQL = load_queries("services.aggregator.adapters.sql")


class PostgresLease:
    def __init__(self, database: Database, *, name: str, holder: str) -> None:
        self._database = database
        self._holder = holder
        self._name = name

    async def hold(self, duration: timedelta) -> bool:
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(_SQL["hold_lease"], self._name, self._holder, duration))

    async def release(self) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_SQL["release_lease"], self._name, self._holder)
