"""Postgres through asyncpg: one pool a process, queries in `.sql` files, connection trouble as `DependencyAway`."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import resources
from types import MappingProxyType
from typing import Any, TypeAlias

import asyncpg

from shared.errors import DependencyAway
from shared.settings import PostgresSettings

DEPENDENCY = "postgres"
Connection: TypeAlias = Any
"""An asyncpg connection (the library has no types)."""

_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    # A connection that broke at a bad moment no longer knows its own state.
    asyncpg.InternalClientError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.QueryCanceledError,
    asyncpg.DiskFullError,
    ConnectionError,
    TimeoutError,
    OSError,
)


def load_queries(package: str) -> Mapping[str, str]:
    """Read every `.sql` file of a package; a query is named after its file."""
    files = (entry for entry in resources.files(package).iterdir() if entry.name.endswith(".sql"))
    return MappingProxyType({entry.name.removesuffix(".sql"): entry.read_text("utf-8") for entry in files})


class Database:
    """A pool that connects on first use, so that Postgres may come later than the process.

    A server that takes longer than `timeout_seconds` to connect or `statement_seconds` to answer counts as away.
    """

    def __init__(
        self, settings: PostgresSettings, *, timeout_seconds: float = 10.0, statement_seconds: float = 60.0
    ) -> None:
        self._url = settings.database_url
        self._size = settings.database_pool_size
        self._timeout_seconds = timeout_seconds
        self._statement_seconds = statement_seconds
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection. Trouble with the server itself, in the block too, is `DependencyAway`."""
        try:
            pool = await self._opened()
            async with pool.acquire(timeout=self._timeout_seconds) as connection:
                yield connection
        except _AWAY as error:
            if isinstance(error, ValueError):
                # A value that does not fit its column is a mistake of ours; no waiting makes it fit.
                raise
            raise DependencyAway(DEPENDENCY, type(error).__name__) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection in a transaction that commits when the block ends well."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def probe(self) -> None:
        """Raise `DependencyAway` unless the server answers."""
        async with self.connection() as connection:
            await connection.execute("SELECT 1")

    async def close(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                await asyncio.wait_for(pool.close(), self._timeout_seconds)
            except TimeoutError:
                pool.terminate()

    async def _opened(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url.get_secret_value(),
                    min_size=0,
                    max_size=self._size,
                    timeout=self._timeout_seconds,
                    command_timeout=self._statement_seconds,
                    init=_speak_json,
                    reset=_left_as_it_was,
                )
            return self._pool


async def _left_as_it_was(_connection: asyncpg.Connection) -> None:
    """Nobody leaves anything behind in a session, and asking the server to clear it would double the round trips.

    An open transaction is rolled back before this is called. Whoever takes a lock of the session gives it back.
    """


async def _speak_json(connection: asyncpg.Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=_dump, decoder=json.loads, schema="pg_catalog")


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
