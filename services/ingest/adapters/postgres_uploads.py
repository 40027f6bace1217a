"""Uploads and the commit that makes them requests, in Postgres."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any, Final

from services.ingest.adapters.postgres_quotas import count_received, count_up, judge_beginning
from services.ingest.adapters.request_json import from_json, to_json
from services.ingest.csv_upload import Agreed, KeyInUse, Lease, Notes, Submitter, Upload, UploadLost
from services.ingest.domain.findings import Finding
from services.ingest.domain.quotas import Quotas
from shared.api_keys import KeyId
from shared.ids import RequestId
from shared.postgres import Connection, Database, load_queries

_SQL = load_queries("services.ingest.adapters.sql")
NO_QUOTAS: Final = Quotas()


class PostgresUploads:
    """Connection trouble is `DependencyAway`; then nothing is known about the last commit.

    `quotas` hold for API keys that have no others. Uploads come before keys in each transaction, so that none waits
    for one that waits for it.
    """

    def __init__(self, database: Database, *, quotas: Quotas = NO_QUOTAS) -> None:
        self._database = database
        self._quotas = quotas

    async def begin(self, upload: Upload, now: datetime) -> Lease | Agreed:
        owner, key, key_id = upload.submitter
        async with self._together(upload.submitter) as connection:
            if key is not None:
                agreed = await _agreed(connection, upload.submitter)
                if agreed is not None:
                    return agreed
                await connection.execute(_SQL["release_expired_key"], owner, key, now)
            token = await connection.fetchval(
                _SQL["begin_upload"], upload.request_id, owner, key, upload.expires_at, key_id
            )
            if token is None:
                raise KeyInUse
            if key_id is not None:
                await judge_beginning(connection, key_id, upload.least, quotas=self._quotas, now=now)
        return Lease(upload.request_id, upload.submitter, str(token))

    async def agreed(self, submitter: Submitter) -> Agreed | None:
        if submitter.idempotency_key is None:
            return None
        async with self._database.connection() as connection:
            return await _agreed(connection, submitter)

    async def count_received(self, key_id: KeyId, size: int, now: datetime) -> None:
        async with self._database.connection() as connection:
            await count_received(connection, key_id, size, now=now)

    async def take(self, upload: Upload) -> Lease | None:
        request_id, owner = upload.request_id, upload.submitter.owner
        async with self._database.transaction() as connection:
            # In this order: the row waits for whoever accepts the upload just now, and then the request is seen.
            token = await connection.fetchval(_SQL["take_upload"], request_id, owner, upload.expires_at)
            is_taken = await connection.fetchval(_SQL["name_is_taken"], request_id)
            if is_taken:
                await connection.execute(_SQL["end_upload"], request_id)
        return None if is_taken else Lease(request_id, upload.submitter, str(token))

    async def renew(self, lease: Lease, until: datetime) -> bool:
        async with self._database.connection() as connection:
            renewed = await connection.fetchval(_SQL["renew_lease"], lease.request_id, lease.token, until)
        return renewed is not None

    async def accept(self, agreed: Agreed, lease: Lease) -> None:
        request = agreed.request
        async with self._together(lease.submitter) as connection:
            accepted = await connection.fetchval(
                _SQL["accept_upload"],
                request.request_id,
                lease.token,
                request.owner,
                to_json(request),
                request.accepted_at,
                agreed.notes._asdict(),
                lease.submitter.key_id,
            )
            if accepted is None:
                raise UploadLost
            if lease.submitter.idempotency_key is not None:
                await _insert_key(connection, lease.submitter, request.request_id, agreed.fingerprint)
            if lease.submitter.key_id is not None:
                # Last, since all that this API key asks for waits for it.
                await count_up(
                    connection, lease.submitter.key_id, agreed.usage, quotas=self._quotas, now=request.accepted_at
                )

    def _together(self, submitter: Submitter) -> AbstractAsyncContextManager[Connection]:
        """What is written about a submitter is one transaction; without keys it is one statement, and that is one."""
        is_one = submitter.idempotency_key is None and submitter.key_id is None
        return self._database.connection() if is_one else self._database.transaction()

    async def forget(self, request_id: RequestId) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_SQL["end_upload"], request_id)

    async def give_up(self, lease: Lease) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_SQL["give_up_upload"], lease.request_id, lease.submitter.owner, lease.token)

    @asynccontextmanager
    async def abandoned(self, expired_before: datetime, *, limit: int) -> AsyncIterator[Sequence[RequestId]]:
        async with self._database.connection() as connection:
            # Committed before anything is removed: even if the removal breaks off, the upload cannot be committed.
            await connection.execute(_SQL["end_expired_leases"], expired_before, limit)
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_SQL["uploads_without_lease"], limit)
            request_ids = [RequestId(row["request_id"]) for row in rows]
            accepted = {row["request_id"] for row in await connection.fetch(_SQL["accepted_uploads"], request_ids)}
            yield [request_id for request_id in request_ids if request_id not in accepted]
            await connection.executemany(_SQL["end_upload"], [(request_id,) for request_id in request_ids])


async def _agreed(connection: Connection, submitter: Submitter) -> Agreed | None:
    row = await connection.fetchrow(_SQL["find_idempotency_key"], submitter.owner, submitter.idempotency_key)
    return None if row is None else Agreed(from_json(row["request"]), row["fingerprint"], _notes_from(row["notes"]))


async def _insert_key(connection: Connection, submitter: Submitter, request_id: RequestId, fingerprint: bytes) -> None:
    inserted = await connection.fetchval(
        _SQL["insert_idempotency_key"], submitter.owner, submitter.idempotency_key, request_id, fingerprint
    )
    if inserted is None:
        raise KeyInUse


def _notes_from(document: dict[str, Any]) -> Notes:
    notes = Notes(**document)
    return notes._replace(warnings=tuple(Finding(*warning) for warning in notes.warnings))
