"""Deliveries and their attempts in Postgres, schema `notifier`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from services.notifier.domain.delivery import Attempt, AttemptError, Delivery, DeliveryId, DeliveryState, state_after
from services.notifier.domain.history import NumberedAttempt, RecordedDelivery
from shared.ids import Owner, RequestId
from shared.postgres import Connection, Database, load_queries

_SQL = load_queries("services.notifier.adapters.sql")
_Row: TypeAlias = Mapping[str, Any]


class PostgresDeliveries:
    """Every step may be repeated: a delivery is kept once, attempts are numbered under a lock of its row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def owe(self, delivery: Delivery) -> Delivery:
        """Keep a delivery unless it is known, and return it as it is kept."""
        async with self._database.connection() as connection:
            await connection.execute(
                _SQL["insert_delivery"],
                delivery.delivery_id,
                delivery.request_id,
                delivery.owner,
                delivery.type,
                delivery.url,
                delivery.body,
                delivery.state,
            )
            return _delivery(await connection.fetchrow(_SQL["delivery"], delivery.delivery_id))

    async def record(self, delivery_id: DeliveryId, attempt: Attempt) -> DeliveryState:
        """Add the attempt and return the state of the delivery after it; of a deleted one nothing is kept."""
        async with self._database.transaction() as connection:
            before = await connection.fetchval(_SQL["lock_delivery"], delivery_id)
            if before is None:
                return state_after("pending", attempt)
            state = state_after(before, attempt)
            await connection.execute(
                _SQL["insert_attempt"],
                delivery_id,
                attempt.at,
                attempt.trigger,
                attempt.duration_ms,
                attempt.status,
                attempt.error.code if attempt.error else None,
                attempt.error.message if attempt.error else None,
                attempt.response,
            )
            await connection.execute(_SQL["settle_delivery"], delivery_id, state, attempt.at)
        return state

    async def forget(self, request_id: RequestId) -> None:
        """Remove the deliveries of a request and their attempts."""
        async with self._database.connection() as connection:
            await connection.execute(_SQL["delete_deliveries"], request_id)

    async def of_request(self, request_id: RequestId) -> Sequence[RecordedDelivery]:
        """All deliveries of a request, oldest first, each with its attempts in order."""
        async with self._database.connection() as connection:
            return await _with_attempts(connection, await connection.fetch(_SQL["deliveries_of_request"], request_id))

    async def find(self, delivery_id: DeliveryId) -> RecordedDelivery | None:
        """One delivery with its attempts."""
        async with self._database.connection() as connection:
            found = await _with_attempts(connection, await connection.fetch(_SQL["delivery"], delivery_id))
        return found[0] if found else None


async def _with_attempts(connection: Connection, rows: Sequence[_Row]) -> list[RecordedDelivery]:
    attempts: dict[UUID, list[NumberedAttempt]] = defaultdict(list)
    for row in await connection.fetch(_SQL["attempts"], [row["delivery_id"] for row in rows]):
        attempts[row["delivery_id"]].append(NumberedAttempt(row["n"], _attempt(row)))
    return [
        RecordedDelivery(_delivery(row), row["created_at"], row["delivered_at"], tuple(attempts[row["delivery_id"]]))
        for row in rows
    ]


def _delivery(row: _Row) -> Delivery:
    return Delivery(
        delivery_id=DeliveryId(str(row["delivery_id"])),
        request_id=RequestId(str(row["request_id"])),
        owner=Owner(row["owner"]),
        type=row["type"],
        url=row["url"],
        body=row["body"],
        state=row["state"],
    )


def _attempt(row: _Row) -> Attempt:
    code = row["error_code"]
    return Attempt(
        at=row["at"],
        trigger=row["trigger"],
        duration_ms=row["duration_ms"],
        status=row["status"],
        response=row["response"],
        error=None if code is None else AttemptError(code, row["error_message"]),
    )
