"""`POST /v1/requests`: a CSV in, a request out."""

import re
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect

from services.ingest.api.answers import PublicUrls, accepted_body, dry_run_body, status_url
from services.ingest.api.body_stream import BodyStream
from services.ingest.api.callers import Auth, owner_of_caller
from services.ingest.api.given_options import GivenOptions
from services.ingest.api.refusals import problem_of
from services.ingest.api.upload_bodies import CsvBody, FormBody
from services.ingest.csv_upload import SubmissionRefused, Submitter, UploadBody
from services.ingest.submit_csv import Accepted, DryRun, SubmitCsv
from shared.errors import DependencyAway
from shared.http.problems import Problem
from shared.trace_context import enter_trace

# What a form may hold beside the file: boundaries, part headers and options.
FORM_OVERHEAD_BYTES: Final = 256 * 1024

_KEY: Final = re.compile(r"[!-~]{1,255}")
_CSV: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}
_FORM: Final[dict[str, Any]] = {
    "schema": {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "format": "binary"}},
        "additionalProperties": {"type": "string"},
    }
}


class SubmitApi(NamedTuple):
    """What the route needs of the deployment."""

    auth: Auth
    max_upload_bytes: int
    urls: PublicUrls


def submit_router(submit: SubmitCsv, api: SubmitApi) -> APIRouter:
    router = APIRouter(tags=["requests"])

    @router.post(
        "/v1/requests",
        status_code=202,
        response_class=JSONResponse,
        openapi_extra={"requestBody": {"content": {"multipart/form-data": _FORM, "text/csv": _CSV}}},
    )
    async def submit_request(request: Request) -> Response:
        """Submit a CSV as the part `file` of a form, or as the body. Options are form fields or query parameters."""
        enter_trace(request.headers.get("traceparent"))
        stream = _body_stream(request, api.max_upload_bytes)
        try:
            submitter = Submitter(owner_of_caller(api.auth), _idempotency_key(request))
            outcome = await submit(_upload_body(request, stream, api.max_upload_bytes), submitter)
        except ClientDisconnect:
            return Response(status_code=400)
        except SubmissionRefused as refusal:
            await stream.discard()
            raise problem_of(refusal) from refusal
        except (Problem, DependencyAway):
            await stream.discard()
            raise
        return _answer(outcome, api.urls)

    return router


def _answer(outcome: Accepted | DryRun, urls: PublicUrls) -> Response:
    if isinstance(outcome, DryRun):
        return JSONResponse(dry_run_body(outcome))
    headers = {"Location": status_url(outcome.request.request_id, urls)}
    if outcome.replayed:
        headers["Idempotency-Replayed"] = "true"
    return JSONResponse(accepted_body(outcome.request, urls), 202, headers)


def _body_stream(request: Request, max_bytes: int) -> BodyStream:
    declared = request.headers.get("content-length", "")
    allowed = max_bytes + (FORM_OVERHEAD_BYTES if _media_type(request)[0] == "multipart/form-data" else 0)
    return BodyStream(request.stream(), declared=int(declared) if declared.isdecimal() else None, max_bytes=allowed)


def _upload_body(request: Request, stream: BodyStream, max_bytes: int) -> UploadBody:
    kind, parameters = _media_type(request)
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(415, "unsupported-encoding", "Compressed bodies are not taken. Send the CSV as it is.")
    given = GivenOptions(request.query_params.multi_items())
    if kind == "text/csv":
        if b"charset" in parameters and "encoding" not in request.query_params:
            given.add("encoding", parameters[b"charset"].decode("latin-1"))
        return CsvBody(stream, given)
    if kind == "multipart/form-data" and b"boundary" in parameters:
        return FormBody(stream, given, boundary=parameters[b"boundary"], max_file_bytes=max_bytes)
    raise Problem(
        415,
        "unsupported-media-type",
        "Send the CSV as the part `file` of a multipart/form-data body, or as a text/csv body.",
        headers={"Accept-Post": "multipart/form-data, text/csv"},
    )


def _media_type(request: Request) -> tuple[str, dict[bytes, bytes]]:
    kind, parameters = parse_options_header(request.headers.get("content-type", ""))
    return kind.decode("latin-1").lower(), parameters


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise Problem(400, "invalid-idempotency-key", "An Idempotency-Key has 1 to 255 visible ASCII characters.")
    return key
