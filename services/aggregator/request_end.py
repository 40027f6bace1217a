"""The end of a request: claimed once, filled up, written as CSVs, announced.

Every step may be repeated by the event that claimed the end, and by no other. What the CSVs say is fixed from the
moment every index has a result, so writing them again writes the same.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.aggregator.domain.completion import Tally, end_state
from services.aggregator.known_requests import RequestRow
from services.aggregator.metrics import REQUESTS_ENDED
from shared import object_keys
from shared.events import EndState, RequestAssembled
from shared.ids import RequestId
from shared.image_errors import ImageErrorCode
from shared.kafka.producer import Facts
from shared.kafka.records import Trigger
from shared.request_files import RequestFile
from shared.topics import REQUESTS_ASSEMBLED

log = logging.getLogger(__name__)

_NOT_ATTEMPTED: Mapping[EndState, tuple[ImageErrorCode, str]] = {
    "cancelled": ("cancelled", "The request was cancelled before this image had its turn."),
    "expired": ("expired", "The request's deadline passed before this image had its turn."),
    "completed": ("internal_error", "This image never got a result."),
    "failed": ("internal_error", "This image never got a result."),
}


@dataclass(frozen=True, slots=True)
class WrittenCsvs:
    """Checksums of the CSVs as they lie in object storage, and what only writing them could tell."""

    output_sha256: str
    failures_sha256: str | None
    failures_by_host: Mapping[str, int]


class Requests(Protocol):
    async def row(self, request_id: RequestId) -> RequestRow: ...

    async def file(self, request_id: RequestId) -> RequestFile: ...


class Ends(Protocol):
    async def claim_end(
        self, request_id: RequestId, *, state: EndState, trigger: Trigger, at: datetime
    ) -> EndState | None:
        """Claim the end for `trigger`; return the claimed state, or None when another event has it."""
        ...

    async def store_assembly(
        self, request_id: RequestId, tally: Tally, csvs: WrittenCsvs, *, at: datetime
    ) -> RequestRow | None:
        """Note the outcome; return the row, or None when an outcome is noted already."""
        ...


class Results(Protocol):
    async def tally(self, request_id: RequestId) -> Tally: ...

    async def fill_missing(self, request: RequestRow, *, code: ImageErrorCode, message: str) -> None:
        """Insert `not_attempted` for every index without a result."""


class Images(Protocol):
    async def fill(self, request: RequestRow) -> None:
        """Insert what the manifest says of the images of chunks that are not recorded."""
        ...


class CsvFiles(Protocol):
    async def write(self, request: RequestFile, *, with_failures: bool) -> WrittenCsvs:
        """Write output.csv, and failures.csv when asked, from the input, the manifest and the results."""
        ...


class RequestEnd:
    """Brings a request to its end."""

    def __init__(
        self,
        requests: Requests,
        ends: Ends,
        results: Results,
        *,
        images: Images,
        csvs: CsvFiles,
        facts: Facts,
        now: Callable[[], datetime],
    ) -> None:
        self._requests = requests
        self._ends = ends
        self._results = results
        self._images = images
        self._csvs = csvs
        self._facts = facts
        self._now = now

    async def reach(self, request: RequestRow, trigger: Trigger, *, state: EndState | None = None) -> None:
        """End the request in `state`, by default as its results say; nothing happens when it has ended already."""
        tally = None
        if state is None:
            tally = await self._results.tally(request.request_id)
            state = end_state(tally)
        claimed = await self._ends.claim_end(request.request_id, state=state, trigger=trigger, at=self._now())
        if claimed is None:
            return
        if request.assembled_at is None:
            request = await self._assemble(request, claimed, tally)
        await self._announce(request, claimed)

    async def _assemble(self, request: RequestRow, state: EndState, tally: Tally | None) -> RequestRow:
        request_id = request.request_id
        if tally is None or tally.done < request.images_total:
            tally = await self._results.tally(request_id)
        if tally.done < request.images_total:
            code, message = _NOT_ATTEMPTED[state]
            await self._results.fill_missing(request, code=code, message=message)
            tally = await self._results.tally(request_id)
        await self._images.fill(request)
        csvs = await self._csvs.write(await self._requests.file(request_id), with_failures=not tally.is_flawless)
        stored = await self._ends.store_assembly(request_id, tally, csvs, at=self._now())
        REQUESTS_ENDED.labels(state).inc()
        log.info("request assembled", extra={"request_id": request_id, "state": state, "images": tally.done})
        return stored or await self._requests.row(request_id)

    async def _announce(self, request: RequestRow, state: EndState) -> None:
        request_id = request.request_id
        has_failures = request.failures_sha256 is not None
        assembled = RequestAssembled(
            request_id=request_id,
            owner=request.owner,
            state=state,
            output_key=object_keys.output_csv(request_id),
            failures_key=object_keys.failures_csv(request_id) if has_failures else None,
        )
        await self._facts.publish(REQUESTS_ASSEMBLED, assembled)
