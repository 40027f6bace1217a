"""`DELETE /v1/requests/{id}`: what is left of a request goes."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.ingest.delete_request import DeleteRequest
from shared.http.callers import OWNERS_ONLY, UNKNOWN_REQUEST, Callers, known_form, unknown_request
from shared.http.documented_problems import problem_answers
from shared.http.problems import Problem
from shared.ids import Owner, RequestId
from shared.trace_context import enter_trace

_ANSWERS: Final = problem_answers(
    {**OWNERS_ONLY, **UNKNOWN_REQUEST, 409: ("request-running", "The request has not ended, so it cannot be deleted.")}
)


def delete_router(delete: DeleteRequest, callers: Callers) -> APIRouter:
    router = APIRouter(tags=["requests"])

    @router.delete("/v1/requests/{request_id}", status_code=204, response_class=Response, responses=_ANSWERS)
    async def delete_request(
        request: Request,
        owner: Annotated[Owner, Depends(callers.owner)],
        request_id: Annotated[RequestId, Depends(known_form)],
    ) -> Response:
        """Delete a request that has ended: its CSVs, its pictures and what is known of it."""
        enter_trace(request.headers.get("traceparent"))
        marking = await delete(request_id, owner)
        if marking == "unknown":
            raise unknown_request()
        if marking == "running":
            detail = "The request has not ended. Wait for its end, and delete it then."
            raise Problem(409, "request-running", detail)
        return Response(status_code=204)

    return router
