"""Applies the numbered SQL files of `deploy/migrations/<service>/`, each once, each in a transaction of its own.

Safe to run twice and by several processes at once: a lock in the database lets one work while the others wait.
A file that was applied must not change afterwards; its checksum says so.
"""

import asyncio
import hashlib
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

import asyncpg

from shared.settings import PostgresSettings

SERVICES = ("ingest", "aggregator", "notifier")
FILE_NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql")
# Any number will do, as long as nobody else uses it.
LOCK = 5_201_969

BOOK = """
CREATE SCHEMA IF NOT EXISTS pixelmill;
CREATE TABLE IF NOT EXISTS pixelmill.migrations (
    service text NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (service, name)
);
"""


class MigrationChanged(Exception):
    """A migration was edited after it had been applied. Restore the file, and put the change into a new one."""


@dataclass(frozen=True)
class Migration:
    """One SQL file of one service."""

    service: str
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Tells whether the file is still the one that was applied."""
        return hashlib.sha256(self.sql.encode("utf-8")).hexdigest()

    def __str__(self) -> str:
        """How it is named to people."""
        return f"{self.service}/{self.name}"


def find_migrations(root: Traversable | None = None) -> list[Migration]:
    """All migrations, service by service, each in the order of its numbers."""
    folder = root or resources.files("deploy").joinpath("migrations")
    return [migration for service in SERVICES for migration in of_service(folder.joinpath(service), service)]


def of_service(folder: Traversable, service: str) -> list[Migration]:
    """The migrations of one service, none when it has no folder."""
    if not folder.is_dir():
        return []
    files = sorted((file for file in folder.iterdir() if FILE_NAME.fullmatch(file.name)), key=lambda file: file.name)
    return [Migration(service, file.name.removesuffix(".sql"), file.read_text("utf-8")) for file in files]


def outstanding(migrations: Iterable[Migration], applied: dict[tuple[str, str], str]) -> list[Migration]:
    """Those that were not applied yet. `applied` maps service and name to the checksum of then."""
    missing = []
    for migration in migrations:
        checksum = applied.get((migration.service, migration.name))
        if checksum is None:
            missing.append(migration)
        elif checksum != migration.checksum:
            raise MigrationChanged(f"{migration} was edited after it had been applied. {MigrationChanged.__doc__}")
    return missing


async def migrate(url: str, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Apply what is outstanding and return the names of what was applied."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        await connection.execute(BOOK)
        rows = await connection.fetch("SELECT service, name, checksum FROM pixelmill.migrations")
        applied = {(row["service"], row["name"]): row["checksum"] for row in rows}
        missing = outstanding(find_migrations() if migrations is None else migrations, applied)
        for migration in missing:
            await apply(connection, migration)
        return [str(migration) for migration in missing]
    finally:
        await connection.close()


async def apply(connection: asyncpg.Connection, migration: Migration) -> None:
    """Run one migration and note it, both or neither."""
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO pixelmill.migrations (service, name, checksum) VALUES ($1, $2, $3)",
            migration.service,
            migration.name,
            migration.checksum,
        )


if __name__ == "__main__":
    for applied_name in asyncio.run(migrate(PostgresSettings().database_url.get_secret_value())):
        sys.stdout.write(f"applied {applied_name}\n")
