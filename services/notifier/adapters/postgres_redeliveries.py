"""Deliveries to repeat, from Postgres, schema `notifier`."""

from services.notifier.domain.delivery import DeliveryId
from services.notifier.domain.redelivery import Found, Redelivery, Repeatable
from shared.ids import RequestId
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
                wanted.after,
                wanted.limit,
            )
        found = [
            Repeatable(DeliveryId(str(row["delivery_id"])), RequestId(str(row["request_id"])), row["url"])
            for row in rows
        ]
        return Found(found, rows[0]["total"] if rows else 0)
