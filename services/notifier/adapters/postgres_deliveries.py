"""Deliveries and their attempts in Postgres, schema `notifier`."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

from services.notifier.adapters.postgres_endpoints import PostgresEndpoints
from services.notifier.domain.delivery import Attempt, AttemptError, Delivery, DeliveryId, DeliveryState
from services.notifier.domain.history import MOST_LISTED, NumberedAttempt, RecordedDelivery
from services.notifier.domain.progress import Move, Owed, Progress, Tried
from shared.ids import Owner, RequestId
from shared.postgres import Connection, Database, load_queries

_SQL = load_queries("services.notifier.adapters.sql")
_Row: TypeAlias = Mapping[str, Any]


class PostgresDeliveries:
    """Every step may be repeated: a delivery is kept once, and moves only from where the step began."""

    def __init__(
        self,
        database: Database,
        endpoints: PostgresEndpoints,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._endpoints = endpoints
        self._now = now

    async def owe(self, owed: Owed) -> Owed:
        """Keep a delivery unless it is known, and return it as it is kept."""
        delivery, progress = owed.delivery, owed.progress
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                _SQL["insert_delivery"],
                delivery.delivery_id,
                delivery.request_id,
                delivery.owner,
                delivery.type,
                delivery.url,
                delivery.body,
                progress.began_at,
                progress.next_attempt_at,
                progress.deferrals,
                progress.step,
            )
            # Nothing comes back when somebody else kept it at the very same time.
            kept = (
                await _owed(connection, delivery.delivery_id) if row is None else Owed(_delivery(row), _progress(row))
            )
        return kept or owed

    async def owed(self, delivery_id: DeliveryId) -> Owed | None:
        """A delivery and where it stands; None when it was deleted."""
        async with self._database.connection() as connection:
            return await _owed(connection, delivery_id)

    async def restart(self, delivery_id: DeliveryId, *, trigger: str, states: Collection[DeliveryState]) -> Owed | None:
        """Begin the schedule anew of a delivery in one of these states, unless `trigger` did so before.

        Say where it stands then.
        """
        async with self._database.connection() as connection:
            await connection.execute(_SQL["restart_delivery"], delivery_id, trigger, self._now(), list(states))
            return await _owed(connection, delivery_id)

    async def put_off(self, delivery_id: DeliveryId, move: Move) -> Progress | None:
        """Make the move, if the delivery still stands where it begins; say where it stands then."""
        async with self._database.connection() as connection:
            return await _moved(connection, delivery_id, move) or await _progress_now(connection, delivery_id)

    async def record(self, delivery_id: DeliveryId, tried: Tried, move: Move | None = None) -> Progress | None:
        """Add the attempt and make the move, if the delivery still stands where that begins; say where it stands then.

        A success settles the delivery wherever it stands, and what the attempt says of the endpoint is kept with it.
        Of a delivery that was deleted nothing is kept.
        """
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(_SQL["lock_delivery"], delivery_id)
            if row is None:
                return None
            if move is not None:
                await _moved(connection, delivery_id, move)
            if tried.attempt.succeeded:
                await connection.execute(_SQL["settle_delivery"], delivery_id, tried.attempt.at)
            progress = await _progress_now(connection, delivery_id)
            await _add(connection, delivery_id, tried.attempt, progress)
            disabled = await self._endpoints.learn(connection, Owner(row["owner"]), row["url"], tried)
        if disabled is not None:
            self._endpoints.tell(disabled)
        return progress

    async def last_error(self, delivery_id: DeliveryId) -> AttemptError | None:
        """Why the latest attempt that failed did so."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["last_error"], delivery_id)
        return None if row is None else AttemptError(row["error_code"], row["error_message"])

    async def forget(self, request_id: RequestId) -> None:
        """Remove the deliveries of a request with their attempts, and endpoints to which no delivery is left."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_SQL["delete_deliveries"], request_id)
            for row in rows:
                await self._endpoints.forget_unused(connection, Owner(row["owner"]), row["url"])

    async def of_request(self, request_id: RequestId) -> Sequence[RecordedDelivery]:
        """All deliveries of a request, oldest first, each with its newest attempts in order."""
        async with self._database.connection() as connection:
            return await _with_attempts(connection, await connection.fetch(_SQL["deliveries_of_request"], request_id))

    async def find(self, delivery_id: DeliveryId) -> RecordedDelivery | None:
        """One delivery with its newest attempts."""
        async with self._database.connection() as connection:
            found = await _with_attempts(connection, await connection.fetch(_SQL["delivery"], delivery_id))
        return found[0] if found else None


async def _owed(connection: Connection, delivery_id: DeliveryId) -> Owed | None:
    row = await connection.fetchrow(_SQL["delivery"], delivery_id)
    return None if row is None else Owed(_delivery(row), _progress(row))


async def _progress_now(connection: Connection, delivery_id: DeliveryId) -> Progress | None:
    owed = await _owed(connection, delivery_id)
    return None if owed is None else owed.progress


async def _moved(connection: Connection, delivery_id: DeliveryId, move: Move) -> Progress | None:
    before, after = move.before, move.after
    row = await connection.fetchrow(
        _SQL["move_delivery"],
        delivery_id,
        before.attempts,
        before.deferrals,
        after.state,
        after.attempts,
        after.deferrals,
        after.wishes,
        after.next_attempt_at,
        after.step,
    )
    return None if row is None else _progress(row)


async def _add(connection: Connection, delivery_id: DeliveryId, attempt: Attempt, after: Progress | None) -> None:
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
        after.next_attempt_at if after else None,
    )


async def _with_attempts(connection: Connection, rows: Sequence[_Row]) -> list[RecordedDelivery]:
    attempts: dict[UUID, list[NumberedAttempt]] = defaultdict(list)
    for row in await connection.fetch(_SQL["attempts"], [row["delivery_id"] for row in rows], MOST_LISTED):
        attempts[row["delivery_id"]].append(NumberedAttempt(row["n"], _attempt(row), row["next_attempt_at"]))
    return [
        RecordedDelivery(
            Owed(_delivery(row), _progress(row)),
            row["created_at"],
            row["delivered_at"],
            tuple(attempts[row["delivery_id"]]),
        )
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
    )


def _progress(row: _Row) -> Progress:
    return Progress(
        began_at=row["began_at"],
        next_attempt_at=row["next_attempt_at"],
        state=row["state"],
        attempts=row["attempts_made"],
        deferrals=row["deferrals"],
        wishes=row["wishes"],
        step=row["step_trigger"],
        replayed_by=row["replay_trigger"],
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
