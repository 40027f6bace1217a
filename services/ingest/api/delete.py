"""`DELETE /v1/requests/{id}`: what is left of a request goes."""

import re
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.ingest.api.callers import Auth, owner_of_caller
from services.ingest.delete_request import DeleteRequest
from shared.http.problems import Problem
from shared.ids import RequestId
from shared.trace_context import enter_trace

_ID: Final = re.compile(r"[0-9a-f-]{36}")


def delete_router(delete: DeleteRequest, auth: Auth) -> APIRouter:
    router = APIRouter(tags=["requests"])

    @router.delete("/v1/requests/{request_id}", status_code=204, response_class=Response)
    async def delete_request(request: Request, request_id: str) -> Response:
        """Delete a request that has ended: its CSVs, its pictures and what is known of it."""
        enter_trace(request.headers.get("traceparent"))
        owner = owner_of_caller(auth)
        marking = await delete(RequestId(request_id), owner) if _ID.fullmatch(request_id) else "unknown"
        if marking == "unknown":
            raise Problem(404, "unknown-request", "There is no such request; it may have been deleted.")
        if marking == "running":
            detail = "The request has not ended. Cancel it, or wait for its end, and delete it then."
            raise Problem(409, "request-running", detail)
        return Response(status_code=204)

    return router
