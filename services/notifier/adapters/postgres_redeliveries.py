"""Deliveries to repeat, and whose turn it is to repeat some, in Postgres, schema `notifier`."""

from datetime import datetime

from services.notifier.domain.delivery import DeliveryId
from services.notifier.domain.redelivery import Found, Redelivery, Repeatable
from shared.ids import Owner, RequestId
from shared.postgres import Database, load_queries

_SQL = load_queries("services.notifier.adapters.sql")


class PostgresRedeliveries:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def matching(self, wanted: Redelivery) -> Found:
        """The oldest that fit, and how many do from there on."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _SQL["deliveries_to_repeat"],
                wanted.owner,
                wanted.since,
                wanted.until,
                list(wanted.states),
                wanted.request_id,
                *wanted.after,
                wanted.limit,
            )
        found = [
            Repeatable(
                DeliveryId(str(row["delivery_id"])), RequestId(str(row["request_id"])), row["url"], row["created_at"]
            )
            for row in rows
        ]
        return Found(found, rows[0]["total"] if rows else 0)

    async def take_turn(self, owner: Owner, *, at: datetime, until: datetime) -> datetime | None:
        """Hold off further redeliveries of the owner until then; when one is held off itself, until when that is."""
        async with self._database.connection() as connection:
            if await connection.fetchval(_SQL["take_turn"], owner, until, at) is not None:
                return None
            busy: datetime = await connection.fetchval(_SQL["busy_until"], owner)
            return busy

    async def end_turn(self, owner: Owner, *, taken_until: datetime, until: datetime) -> None:
        """Hold off further ones until another moment than the turn was taken for."""
        async with self._database.connection() as connection:
            await connection.execute(_SQL["end_turn"], owner, taken_until, until)
