"""`POST /v1/requests/{id}/cancel`: the rest of a request is not wanted any more."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from services.ingest.api.answers import PublicUrls, cancelled_body
from services.ingest.api.examples import CANCELLED
from services.ingest.cancel_request import CancelRequest
from shared.http.callers import OWNERS_ONLY, UNKNOWN_REQUEST, Callers, known_form, unknown_request
from shared.http.documented_problems import problem_answers
from shared.http.problems import Problem
from shared.ids import Owner, RequestId
from shared.trace_context import enter_trace

_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "description": "It ends within seconds, with an output CSV of what was done. Cancelling twice changes nothing.",
        "content": {"application/json": {"example": CANCELLED}},
    },
    **problem_answers({**OWNERS_ONLY, **UNKNOWN_REQUEST, 409: ("request-ended", "The request has ended already.")}),
}


def cancel_router(cancel: CancelRequest, callers: Callers, urls: PublicUrls) -> APIRouter:
    router = APIRouter(tags=["requests"])

    @router.post("/v1/requests/{request_id}/cancel", status_code=202, response_class=JSONResponse, responses=_ANSWERS)
    async def cancel_request(
        request: Request,
        owner: Annotated[Owner, Depends(callers.owner)],
        request_id: Annotated[RequestId, Depends(known_form)],
    ) -> JSONResponse:
        """Cancel a request: it ends as `cancelled` with what is done; what is not done is `not_attempted`."""
        enter_trace(request.headers.get("traceparent"))
        marking = await cancel(request_id, owner)
        if marking == "unknown":
            raise unknown_request()
        if marking == "ended":
            raise Problem(409, "request-ended", "The request has ended already, so nothing is left to be cancelled.")
        return JSONResponse(cancelled_body(marking, urls), 202)

    return router
