"""Finding the row of a request. Whoever misses it reads `request.json` and inserts it: missing never means skip."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol
from uuid import UUID

from services.aggregator.domain.completion import Standing, Tally
from services.aggregator.domain.request_list import Place
from shared.events import EndState
from shared.ids import Owner, RequestId
from shared.request_files import ManifestImage, RequestFile

log = logging.getLogger(__name__)

REMEMBERED_REQUESTS = 10_000
# They are read when a request is accepted and when it ends, which is soon for most.
REMEMBERED_FILES = 200


class RequestGone(LookupError):
    """The request has neither row nor `request.json`: it was deleted, and nobody waits for it."""

    reason: ClassVar[str] = "deleted"


class RequestDamaged(RequestGone):
    """A file of the request cannot be read: as good as gone, until someone mends or deletes it."""

    reason = "damaged"


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request as the read model has it. `tally` and the checksums are there from its assembly on."""

    request_id: RequestId
    owner: Owner
    retry_of: RequestId | None
    rows: int
    images_total: int
    chunks_total: int
    chunk_size: int
    metadata: Mapping[str, object]
    submitted_at: datetime
    deadline_at: datetime
    started_at: datetime | None = None
    end_state: EndState | None = None
    assembled_at: datetime | None = None
    tally: Tally | None = None
    failures_by_host: Mapping[str, int] | None = None
    output_sha256: str | None = None
    failures_sha256: str | None = None
    completed_at: datetime | None = None

    @property
    def is_assembled(self) -> bool:
        """Whether the CSVs are there."""
        return self.assembled_at is not None

    @property
    def standing(self) -> Standing | None:
        """How the request stands for good, once it is assembled."""
        return None if self.tally is None else Standing(self.tally, self.failures_by_host or {})

    def images_in_chunk(self, chunk: int) -> int:
        return min(self.chunk_size, self.images_total - chunk * self.chunk_size)


def place_of(row: RequestRow) -> Place:
    """The request's place in lists."""
    return Place(row.submitted_at, UUID(row.request_id))


def row_of(file: RequestFile) -> RequestRow:
    """The row that a request has before anything happened to it."""
    return RequestRow(
        request_id=file.request_id,
        owner=file.owner,
        retry_of=file.retry_of,
        rows=file.rows,
        images_total=file.images_total,
        chunks_total=file.chunks_total,
        chunk_size=file.chunk_size,
        metadata=file.metadata,
        submitted_at=file.accepted_at,
        deadline_at=file.deadline_at,
    )


class RequestRows(Protocol):
    async def insert(self, file: RequestFile) -> RequestRow | None:
        """Insert the row unless it exists; return it when it did not."""
        ...

    async def find(self, request_id: RequestId) -> RequestRow | None: ...

    async def start(self, request_ids: Collection[RequestId], *, at: datetime) -> Mapping[RequestId, int]:
        """Note the first result of each; return the chunk size of those that have a row."""
        ...


class RequestFiles(Protocol):
    async def read(self, request_id: RequestId) -> RequestFile | None:
        """Read `request.json`; None when there is none. Raises `RequestDamaged`."""
        ...

    async def manifest(self, request_id: RequestId, chunk: int) -> Sequence[ManifestImage]:
        """Read the images of one chunk; raises `RequestGone`."""
        ...


class KnownRequests:
    """Rows of requests, inserted on demand; remembers those whose first result is noted."""

    def __init__(
        self,
        rows: RequestRows,
        files: RequestFiles,
        *,
        now: Callable[[], datetime],
        remembered: int = REMEMBERED_REQUESTS,
    ) -> None:
        self._rows = rows
        self._files = files
        self._now = now
        self._remembered = remembered
        self._chunk_sizes: OrderedDict[RequestId, int] = OrderedDict()
        self._read_files: OrderedDict[RequestId, RequestFile] = OrderedDict()

    async def row(self, request_id: RequestId) -> RequestRow:
        """The request's row; raises `RequestGone`."""
        row = await self._rows.find(request_id)
        if row is None:
            row = await self._insert(request_id) or await self._rows.find(request_id)
        if row is None:
            raise RequestGone(request_id)
        return row

    async def file(self, request_id: RequestId) -> RequestFile:
        """The request's `request.json`, which never changes, read once; raises `RequestGone`.

        For requests that have a row: of one that was deleted since it may still be remembered.
        """
        return self._read_files.get(request_id) or await self._read(request_id)

    async def manifest(self, request_id: RequestId, chunk: int) -> Sequence[ManifestImage]:
        """The images of one chunk, in order; raises `RequestGone`."""
        return await self._files.manifest(request_id, chunk)

    async def started(self, request_ids: Collection[RequestId]) -> Mapping[RequestId, int]:
        """Note that these requests have results; return their chunk sizes, without those that are gone."""
        wanted = set(request_ids)
        known = {each: self._chunk_sizes[each] for each in wanted & self._chunk_sizes.keys()}
        for each in known:
            self._chunk_sizes.move_to_end(each)
        new = wanted - known.keys()
        started = await self._start(new) if new else {}
        # The answer is complete before anything is forgotten: what is remembered may push out a request of this batch.
        self._remember(started)
        return known | dict(started)

    async def _start(self, request_ids: Collection[RequestId]) -> Mapping[RequestId, int]:
        started = dict(await self._rows.start(request_ids, at=self._now()))
        for request_id in set(request_ids) - started.keys():
            try:
                await self._insert(request_id)
            except RequestGone as gone:
                fields = {"request_id": request_id, "reason": gone.reason}
                log.warning("results without a request dropped", extra=fields)
        late = set(request_ids) - started.keys()
        return started | dict(await self._rows.start(late, at=self._now())) if late else started

    async def _insert(self, request_id: RequestId) -> RequestRow | None:
        return await self._rows.insert(await self._read(request_id))

    async def _read(self, request_id: RequestId) -> RequestFile:
        file = await self._files.read(request_id)
        if file is None:
            self._read_files.pop(request_id, None)
            raise RequestGone(request_id)
        self._read_files[request_id] = file
        if len(self._read_files) > REMEMBERED_FILES:
            self._read_files.popitem(last=False)
        return file

    def _remember(self, chunk_sizes: Mapping[RequestId, int]) -> None:
        self._chunk_sizes.update(chunk_sizes)
        while len(self._chunk_sizes) > self._remembered:
            self._chunk_sizes.popitem(last=False)
