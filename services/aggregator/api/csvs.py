"""`output.csv` and `failures.csv` of a request."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse

from services.aggregator.api.statuses import Statuses
from shared import object_keys
from shared.http.callers import OWNERS_ONLY, Callers, known_form, unknown_request
from shared.http.documented_problems import problem_answers
from shared.http.problems import Problem
from shared.ids import Owner, RequestId
from shared.object_store import ObjectMissing

NOT_YET_SECONDS = 2
MEDIA_TYPE = "text/csv"

_OUTPUT_MISSING: Final = {404: ("output-not-ready", "Not there before the end; `Retry-After` says when to ask again.")}
_FAILURES_MISSING: Final = {
    404: ("no-failures", "Not there before the end (then with `Retry-After`), and not when every image succeeded.")
}


class CsvObjects(Protocol):
    def stream(self, bucket: str, key: str) -> AsyncIterator[bytes]: ...


def csv_router(statuses: Statuses, objects: CsvObjects, bucket: str, *, callers: Callers) -> APIRouter:
    router = APIRouter(tags=["results"])

    @router.get(
        "/v1/requests/{request_id}/output.csv",
        summary="Download the output",
        response_class=StreamingResponse,
        responses=_csv_answer("Serial Number,Output Image URLs,Image Statuses\n", _OUTPUT_MISSING),
    )
    async def output(
        owner: Annotated[Owner, Depends(callers.owner)], request_id: Annotated[RequestId, Depends(known_form)]
    ) -> StreamingResponse:
        """The input with the URLs of the compressed pictures; 404 before the end."""
        request = await statuses.find(request_id, owner)
        if request.assembled_at is None:
            raise _not_yet("output-not-ready")
        return await _attachment(objects, bucket, object_keys.output_csv(request_id), f"{request_id}-output.csv")

    @router.get(
        "/v1/requests/{request_id}/failures.csv",
        summary="Download the rows with failures",
        response_class=StreamingResponse,
        responses=_csv_answer("Serial Number,Output Image URLs,Image Statuses\n", _FAILURES_MISSING),
    )
    async def failures(
        owner: Annotated[Owner, Depends(callers.owner)], request_id: Annotated[RequestId, Depends(known_form)]
    ) -> StreamingResponse:
        """The rows with failures, ready to be submitted again; 404 before the end, and when nothing failed."""
        request = await statuses.find(request_id, owner)
        if request.assembled_at is None:
            raise _not_yet("failures-not-ready")
        if request.failures_sha256 is None:
            raise Problem(404, "no-failures", "Every image of this request succeeded, so there is no such file.")
        return await _attachment(objects, bucket, object_keys.failures_csv(request_id), f"{request_id}-failures.csv")

    return router


def _csv_answer(example: str, missing: dict[int, tuple[str, str]]) -> dict[int | str, dict[str, Any]]:
    content = {MEDIA_TYPE: {"schema": {"type": "string"}, "example": example}}
    return {200: {"description": "The CSV.", "content": content}, **problem_answers({**OWNERS_ONLY, **missing})}


def _not_yet(kind: str) -> Problem:
    detail = "The request has not reached its end. Ask its status, or try again shortly."
    return Problem(404, kind, detail, headers={"Retry-After": str(NOT_YET_SECONDS)})


async def _attachment(objects: CsvObjects, bucket: str, key: str, filename: str) -> StreamingResponse:
    pieces = objects.stream(bucket, key)
    try:
        # The first piece comes before the status line, so that a missing object is still a 404.
        first = await anext(pieces, b"")
    except ObjectMissing as error:
        raise unknown_request() from error
    headers = {"Content-Disposition": f'attachment; filename="{filename}"', "Cache-Control": "no-store"}
    return StreamingResponse(_continued(first, pieces), media_type=MEDIA_TYPE, headers=headers)


async def _continued(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
