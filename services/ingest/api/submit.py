"""`POST /v1/requests`: a CSV in, a request out."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from services.ingest.acceptance import Accepted
from services.ingest.api.answers import PublicUrls, accepted_answer, dry_run_body
from services.ingest.api.body_stream import BodyStream
from services.ingest.api.content_types import content_type_of, wants_csv
from services.ingest.api.errors_csv import errors_csv
from services.ingest.api.given_options import GivenOptions
from services.ingest.api.idempotency_key import idempotency_key
from services.ingest.api.refusals import problem_of
from services.ingest.api.submit_document import answers, submission
from services.ingest.api.upload_bodies import CsvBody, FormBody
from services.ingest.csv_upload import CsvRefused, SubmissionRefused, Submitter, UploadBody
from services.ingest.domain.url_cell import UrlProblem
from services.ingest.submit_csv import DryRun, SubmitCsv
from shared.errors import DependencyAway
from shared.http.callers import Callers, Credentials
from shared.http.problems import Problem
from shared.trace_context import enter_trace

# What a form may hold beside the file: boundaries, part headers and options.
FORM_OVERHEAD_BYTES: Final = 256 * 1024

SUBMISSIONS: Final = "/v1/requests"
"""The only path that takes large bodies."""


class SubmitApi(NamedTuple):
    """What the route needs of the deployment."""

    callers: Callers
    max_upload_bytes: int
    urls: PublicUrls
    recipes: Sequence[str]
    url_problem: UrlProblem


def submit_router(submit: SubmitCsv, api: SubmitApi) -> APIRouter:
    router = APIRouter(tags=["requests"])

    @router.post(
        SUBMISSIONS,
        status_code=202,
        response_class=JSONResponse,
        openapi_extra=submission(),
        responses=answers(),
    )
    async def submit_request(request: Request, credentials: Credentials) -> Response:
        """Submit a CSV as the part `file` of a form, or as the body. Options are form fields or query parameters.

        With `Accept: text/csv` the errors of a refused CSV come back as CSV.
        """
        enter_trace(request.headers.get("traceparent"))
        return await _submitted(request, credentials, submit=submit, api=api)

    return router


async def _submitted(request: Request, credentials: Credentials, *, submit: SubmitCsv, api: SubmitApi) -> Response:
    stream = _body_stream(request, api.max_upload_bytes)
    try:
        caller = await api.callers.caller(credentials)
        submitter = Submitter(caller.owner, idempotency_key(request), caller.key_id)
        outcome = await submit(_upload_body(request, stream, api), submitter)
    except ClientDisconnect:
        return Response(status_code=400)
    except SubmissionRefused as refusal:
        await stream.discard()
        if isinstance(refusal, CsvRefused) and wants_csv(request):
            return errors_csv(refusal.findings)
        raise problem_of(refusal) from refusal
    except (Problem, DependencyAway):
        await stream.discard()
        raise
    return _answer(outcome, api.urls)


def _answer(outcome: Accepted | DryRun, urls: PublicUrls) -> Response:
    if isinstance(outcome, DryRun):
        return JSONResponse(dry_run_body(outcome))
    return accepted_answer(outcome, urls)


def _body_stream(request: Request, max_bytes: int) -> BodyStream:
    is_form = request.headers.get("content-type", "").lower().startswith("multipart/")
    return BodyStream(
        request.stream(),
        declared=request.headers.get("content-length"),
        max_bytes=max_bytes + (FORM_OVERHEAD_BYTES if is_form else 0),
    )


def _upload_body(request: Request, stream: BodyStream, api: SubmitApi) -> UploadBody:
    content = content_type_of(request)
    given = GivenOptions(request.query_params.multi_items(), recipes=api.recipes, url_problem=api.url_problem)
    if content.kind == "form":
        return FormBody(stream, given, boundary=content.boundary, max_file_bytes=api.max_upload_bytes)
    if content.charset is not None and "encoding" not in request.query_params:
        given.add("encoding", content.charset)
    return CsvBody(stream, given)
