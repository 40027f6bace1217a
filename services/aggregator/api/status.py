"""`GET /v1/requests/{id}`: how far a request is, failures first."""

from collections.abc import Mapping
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from services.aggregator.api.access import Auth, key_check, known_form, unknown_request
from services.aggregator.api.links import Links
from services.aggregator.domain.completion import Tally, byte_counts
from services.aggregator.domain.status import percent_done, visible_state
from services.aggregator.known_requests import RequestRow, row_of
from shared.events import rfc3339
from shared.ids import RequestId
from shared.request_files import RequestFile


class Rows(Protocol):
    async def find(self, request_id: RequestId) -> RequestRow | None: ...


class Files(Protocol):
    async def read(self, request_id: RequestId) -> RequestFile | None: ...


class Progress(Protocol):
    async def progress(self, request_id: RequestId) -> Tally: ...


class Statuses:
    """Finds what is known of a request; `request.json` answers for one whose row is still on its way."""

    def __init__(self, rows: Rows, files: Files, progress: Progress, links: Links) -> None:
        self._rows = rows
        self._files = files
        self._progress = progress
        self._links = links

    async def find(self, request_id: RequestId) -> RequestRow:
        """The request; raises the problem `unknown-request`."""
        row = await self._rows.find(request_id)
        if row is None and (file := await self._files.read(request_id)) is not None:
            row = row_of(file)
        if row is None:
            raise unknown_request()
        return row

    async def status(self, request_id: RequestId) -> dict[str, Any]:
        """The status as it is shown."""
        request = await self.find(request_id)
        tally = request.tally or await self._progress.progress(request_id)
        return _shown(request, tally, self._links.of(request_id))


def status_router(statuses: Statuses, *, auth: Auth) -> APIRouter:
    router = APIRouter(tags=["requests"], dependencies=[Depends(key_check(auth))])

    @router.get("/v1/requests/{request_id}")
    async def status(request_id: Annotated[RequestId, Depends(known_form)]) -> JSONResponse:
        """How far the request is. 100 % means that the CSVs are there."""
        return JSONResponse(await statuses.status(request_id), headers={"Cache-Control": "no-store"})

    return router


def _shown(request: RequestRow, tally: Tally, links: Mapping[str, str]) -> dict[str, Any]:
    return {
        "request_id": request.request_id,
        "state": visible_state(
            end_state=request.end_state if request.is_assembled else None, has_started=request.started_at is not None
        ),
        **_numbers(request, tally),
        "rows": request.rows,
        "submitted_at": rfc3339(request.submitted_at),
        "started_at": rfc3339(request.started_at) if request.started_at else None,
        "completed_at": rfc3339(request.assembled_at) if request.assembled_at else None,
        "deadline_at": rfc3339(request.deadline_at),
        "retry_of": request.retry_of,
        "metadata": dict(request.metadata),
        "links": links,
    }


def _numbers(request: RequestRow, tally: Tally) -> dict[str, Any]:
    """Bad news first."""
    return {
        "failures": {
            "by_code": dict(tally.failures_by_code),
            "by_host": None if request.failures_by_host is None else dict(request.failures_by_host),
        },
        "progress": {
            "percent": percent_done(tally.done, request.images_total, is_assembled=request.is_assembled),
            "failed": tally.failed,
            "not_attempted": tally.not_attempted,
            "succeeded": tally.succeeded,
            "images_done": tally.done,
            "images_total": request.images_total,
        },
        "bytes": byte_counts(tally).model_dump(mode="json"),
    }
