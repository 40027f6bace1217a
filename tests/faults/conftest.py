"""What the tests of faults stand on: one migrated database, and a world of its own for each test."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deploy.migrate import migrate
from shared.postgres import Database
from shared.settings import PostgresSettings
from tests.faults.world import World
from tests.stack import StackForTests


@pytest.fixture(scope="session")
def migrated(stack: StackForTests) -> PostgresSettings:
    """Where Postgres is, with all tables."""
    url = stack.environment()["DATABASE_URL"]
    asyncio.run(migrate(url))
    return PostgresSettings.model_validate({"database_url": url})


@pytest.fixture
async def world(migrated: PostgresSettings) -> AsyncIterator[World]:
    database = Database(migrated)
    yield World(database)
    await database.close()
