"""`POST /v1/requests/{id}/retry`: what failed or was not attempted is tried again, as a new request."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from services.ingest.api.answers import PublicUrls, accepted_answer
from services.ingest.api.examples import RETRIED
from services.ingest.api.idempotency_key import idempotency_key
from services.ingest.api.refusals import problem_of
from services.ingest.api.submit_document import IDEMPOTENCY_KEY, QUOTA_EXCEEDED
from services.ingest.csv_upload import SubmissionRefused, Submitter
from services.ingest.retry_request import RetryRequest, UnknownOriginal
from shared.http.callers import OWNERS_ONLY, UNKNOWN_REQUEST, Caller, Callers, known_form, unknown_request
from shared.http.documented_problems import problem_answers
from shared.ids import RequestId
from shared.trace_context import enter_trace

_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "description": "Accepted, as a new request with `retry_of`. `Location` is its status.",
        "content": {"application/json": {"example": RETRIED}},
    },
    **problem_answers(
        {
            **OWNERS_ONLY,
            **UNKNOWN_REQUEST,
            400: ("invalid-idempotency-key", "The Idempotency-Key cannot be read."),
            409: (
                "request-running",
                "The request has not ended; or everything succeeded (`nothing-to-retry`), its results are gone "
                "(`results-gone`), it is too large by now (`too-many-images`), or a retry with this Idempotency-Key "
                "is under way (`idempotency-key-in-use`).",
            ),
            422: ("idempotency-key-mismatch", "This Idempotency-Key was used for something else."),
            429: QUOTA_EXCEEDED,
        }
    ),
}


def retry_router(retry: RetryRequest, callers: Callers, urls: PublicUrls) -> APIRouter:
    router = APIRouter(tags=["requests"])

    @router.post(
        "/v1/requests/{request_id}/retry",
        status_code=202,
        response_class=JSONResponse,
        responses=_ANSWERS,
        openapi_extra={"parameters": [IDEMPOTENCY_KEY]},
    )
    async def retry_request(
        request: Request,
        caller: Annotated[Caller, Depends(callers.caller)],
        request_id: Annotated[RequestId, Depends(known_form)],
    ) -> JSONResponse:
        """Retry a request that has ended, as a new one with the same options.

        What succeeded is carried over. What failed, and what was not attempted, is tried again.
        """
        enter_trace(request.headers.get("traceparent"))
        try:
            accepted = await retry(request_id, Submitter(caller.owner, idempotency_key(request), caller.key_id))
        except UnknownOriginal as unknown:
            raise unknown_request() from unknown
        except SubmissionRefused as refusal:
            raise problem_of(refusal) from refusal
        return accepted_answer(accepted, urls)

    return router
