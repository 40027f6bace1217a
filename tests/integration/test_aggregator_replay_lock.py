"""One replays at a time, and the lock for it outlives nobody: also when it is not known whether it was taken."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from services.aggregator.adapters.postgres_dead_letters import PostgresDeadLetters
from services.aggregator.domain.dead_letter import DeadLetterKind
from shared.errors import DependencyAway
from shared.postgres import Connection, Database
from tests.integration.aggregator_place import Place, place_on
from tests.stack import StackForTests
from tests.waiting import until

pytestmark = pytest.mark.stack

KINDS: dict[str, DeadLetterKind] = {}


@pytest_asyncio.fixture
async def place(stack: StackForTests) -> AsyncIterator[Place]:
    async with place_on(stack) as found:
        yield found


class AnswersLost(Database):
    """Its statements are carried out; whoever waits for them does not hear of it."""

    def __init__(self, place: Place, error: BaseException) -> None:
        super().__init__(place.settings)
        self._error = error

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with super().connection() as connection:
            yield _AnswersLost(connection, self._error)


class _AnswersLost:
    def __init__(self, connection: Connection, error: BaseException) -> None:
        self._connection = connection
        self._error = error
        self.terminate = connection.terminate

    async def fetchval(self, *query: object) -> object:
        assert await self._connection.fetchval(*query)
        raise self._error


@pytest.mark.parametrize("error", [asyncio.CancelledError(), TimeoutError()], ids=["cancelled", "late"])
async def test_who_does_not_hear_that_it_may_replay_keeps_nobody_from_it(place: Place, error: BaseException) -> None:
    lost = AnswersLost(place, error)
    with pytest.raises((asyncio.CancelledError, DependencyAway)):
        async with PostgresDeadLetters(lost, KINDS).replaying():
            pass

    async def replays() -> bool:
        async with PostgresDeadLetters(place.database, KINDS).replaying() as own:
            return own is not None

    # The connections of the other pool are still open, so that a lock of theirs would be held.
    await until(replays, what="the lock is free")
    await lost.close()
