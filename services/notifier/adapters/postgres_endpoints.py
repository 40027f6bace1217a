"""Endpoints that fail or are disabled, in Postgres, schema `notifier`. Of those that work there is no row."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from services.notifier.disabled_endpoints import tell_disabled
from services.notifier.domain.endpoint_health import Endpoint, EndpointHealth, EndpointId, endpoint_id, health_after
from services.notifier.domain.progress import Tried
from shared.ids import Owner
from shared.postgres import Connection, Database, load_queries

MOST_LISTED: Final = 200

_SQL = load_queries("services.notifier.adapters.sql")


class PostgresEndpoints:
    def __init__(
        self, database: Database, *, disable_after: timedelta, tell: Callable[[Endpoint], None] = tell_disabled
    ) -> None:
        self._database = database
        self._disable_after = disable_after
        self.tell = tell

    async def learn(self, connection: Connection, owner: Owner, url: str, tried: Tried) -> Endpoint | None:
        """Keep what an attempt says of its endpoint, in the transaction of the attempt.

        The endpoint, when this disables it: to `tell` once that is committed.
        """
        name = endpoint_id(owner, url)
        if tried.says_nothing:
            return None
        if tried.attempt.succeeded:
            await connection.execute(_SQL["endpoint_works"], name)
            return None
        before = _health(await connection.fetchrow(_SQL["lock_endpoint"], name, owner, url))
        after = health_after(before, tried, self._disable_after)
        await connection.execute(
            _SQL["keep_endpoint"], name, after.failing_since, after.last_failed_at, after.disabled_at, after.reason
        )
        # The next failure of those would begin the count anew: they say nothing. Last, since one's own row is held now.
        await connection.execute(_SQL["delete_silent_endpoints"], tried.attempt.at - self._disable_after)
        return Endpoint(name, url, after) if after.is_disabled and not before.is_disabled else None

    async def forget_unused(self, connection: Connection, owner: Owner, url: str) -> None:
        """Keep nothing of an endpoint to which no delivery belongs any more, nor its URL."""
        await connection.execute(_SQL["delete_unused_endpoint"], endpoint_id(owner, url), owner, url)

    async def is_disabled(self, name: EndpointId) -> bool:
        return bool(await self.disabled_among([name]))

    async def disabled_among(self, names: Collection[EndpointId]) -> Collection[EndpointId]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["disabled_endpoints"], list(names))
        return {EndpointId(str(row["endpoint_id"])) for row in rows}

    async def of_owner(self, owner: Owner) -> Sequence[Endpoint]:
        """Those that are disabled and then those that fail, the latest first; the first 200."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["endpoints_of_owner"], owner, MOST_LISTED)
        return [_endpoint(row) for row in rows]

    async def enable(self, owner: Owner, name: EndpointId) -> Endpoint | None:
        """Call it again from now on, as if it had never failed; None when the owner has no such endpoint on record."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["enable_endpoint"], name, owner)
        return None if row is None else _endpoint(row)


def _endpoint(row: Mapping[str, Any]) -> Endpoint:
    return Endpoint(EndpointId(str(row["endpoint_id"])), row["url"], _health(row))


def _health(row: Mapping[str, Any]) -> EndpointHealth:
    return EndpointHealth(row["failing_since"], row["last_failed_at"], row["disabled_at"], row["reason"])
