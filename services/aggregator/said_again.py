"""Events that lie behind a barrier without effect: they are said again.

All readers take them twice: a chunk that was released is not released twice, a recorded chunk not recorded twice.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.aggregator.domain.standstill import Reminders, Standstills
from services.aggregator.known_requests import RequestGone, RequestRow
from services.aggregator.lost_images import ChunkResults
from services.aggregator.metrics import WATCHDOG_ACTIONS
from services.aggregator.on_image_processed import ChunkId
from shared.events import ChunkAdvanced, ChunkCompleted
from shared.ids import RequestId
from shared.kafka.producer import Facts
from shared.request_files import RequestFile
from shared.topics import REQUESTS_ACCEPTED, REQUESTS_PROGRESS

log = logging.getLogger(__name__)


class RequestFiles(Protocol):
    async def file(self, request_id: RequestId) -> RequestFile:
        """Read `request.json`; raises `RequestGone`."""
        ...


class RequestRows(Protocol):
    async def find(self, request_id: RequestId) -> RequestRow | None: ...


class CompleteChunks(Protocol):
    async def is_unheeded(self, chunk: ChunkId) -> bool:
        """Whether a complete chunk is not recorded, or all are and the request has no end."""
        ...


class AnnounceAgain:
    """Announces what was accepted and has no row."""

    def __init__(self, rows: RequestRows, files: RequestFiles, facts: Facts, *, patience: timedelta) -> None:
        self._rows = rows
        self._files = files
        self._facts = facts
        self._reminders = Reminders(patience)

    async def __call__(self, chunk: ChunkId, now: datetime, /) -> None:
        request_id = chunk.request_id
        if not self._reminders.is_due(request_id, now) or await self._rows.find(request_id) is not None:
            return
        try:
            file = await self._files.file(request_id)
        except RequestGone:
            return
        await self._facts.publish(REQUESTS_ACCEPTED, file.accepted())
        self._reminders.said(request_id, now)
        WATCHDOG_ACTIONS.labels("accepted").inc()
        log.warning("request announced again", extra={"request_id": request_id})


class CompleteAgain:
    """Says that a chunk is complete: it is recorded then, and the end is reached when it was the last."""

    def __init__(self, chunks: CompleteChunks, files: RequestFiles, facts: Facts, *, patience: timedelta) -> None:
        self._chunks = chunks
        self._files = files
        self._facts = facts
        self._reminders = Reminders(patience)

    async def __call__(self, chunk: ChunkId, now: datetime, /) -> None:
        if not self._reminders.is_due(chunk, now) or not await self._chunks.is_unheeded(chunk):
            return
        try:
            file = await self._files.file(chunk.request_id)
        except RequestGone:
            return
        if file.chunks_total == 0:
            await self._facts.publish(REQUESTS_ACCEPTED, file.accepted())
        else:
            await self._facts.publish(REQUESTS_PROGRESS, _about(ChunkCompleted, file, chunk.chunk))
        self._reminders.said(chunk, now)
        WATCHDOG_ACTIONS.labels("completed").inc()
        log.warning("completed chunk said again", extra={"request_id": chunk.request_id, "chunk": chunk.chunk})


class ReleaseAgain:
    """Says what makes the planner release a chunk, should nobody have said it."""

    def __init__(self, results: ChunkResults, files: RequestFiles, facts: Facts, *, standstills: Standstills) -> None:
        self._results = results
        self._files = files
        self._facts = facts
        self._standstills = standstills

    async def __call__(self, chunk: ChunkId, now: datetime, /) -> None:
        standstill = self._standstills.find(chunk.request_id, now)
        if standstill is None or chunk.chunk in standstill.released_again:
            return
        missing = await self._results.missing(chunk)
        try:
            file = await self._files.file(chunk.request_id)
        except RequestGone:
            return
        if len(missing.indexes) == file.images_in_chunk(chunk.chunk):
            standstill.released_again |= set(await self._release(file, chunk.chunk))
            WATCHDOG_ACTIONS.labels("released").inc()
            log.warning("chunk released again", extra={"request_id": chunk.request_id, "chunk": chunk.chunk})

    async def _release(self, file: RequestFile, chunk: int) -> Sequence[int]:
        """Return the chunks that the event releases."""
        if chunk < file.window:
            await self._facts.publish(REQUESTS_ACCEPTED, file.accepted())
            return range(file.window)
        await self._facts.publish(REQUESTS_PROGRESS, _about(ChunkAdvanced, file, chunk - file.window))
        return [chunk]


def _about(fact: type[ChunkAdvanced | ChunkCompleted], file: RequestFile, chunk: int) -> ChunkAdvanced | ChunkCompleted:
    return fact(
        request_id=file.request_id,
        owner=file.owner,
        chunk=chunk,
        chunks_total=file.chunks_total,
        window=file.window,
    )
