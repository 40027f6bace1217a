"""Errors over HTTP as RFC 9457 `application/problem+json`, with stable types."""

import logging
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from shared.errors import DependencyAway
from shared.http.small_bodies import MAX_BODY_BYTES, BodyTooLarge

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:pixelmill:problem:"
RETRY_AFTER_SECONDS = 5


class Problem(Exception):
    """An answer that tells the caller what to do. `kind` becomes the stable `type`; `extra` are further members."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        title: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.title = title or HTTPStatus(status).phrase
        self.headers = dict(headers or {})
        self.extra = extra

    def response(self, **more: Any) -> Response:
        body = {
            "type": TYPE_PREFIX + self.kind,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
            **more,
        }
        return JSONResponse(jsonable_encoder(body), self.status, self.headers, media_type=MEDIA_TYPE)


def answer_with_problems(app: FastAPI, *, debug: bool) -> None:
    """Make every error of `app` a problem; with `debug` it also says what went wrong inside."""

    async def on_problem(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response()

    async def on_http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        return Problem(error.status_code, kind, str(error.detail), headers=error.headers).response()

    async def on_too_large(_request: Request, _error: Exception) -> Response:
        detail = f"The body has more than {MAX_BODY_BYTES} bytes. Nothing that is taken here is as large."
        return Problem(413, "too-large", detail, headers={"Connection": "close"}).response()

    async def on_validation(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = [
            {"column": ".".join(str(part) for part in item["loc"][1:]), "code": item["type"], "message": item["msg"]}
            for item in error.errors()
        ]
        return Problem(
            422, "invalid-parameters", "Some parameters are not valid; see errors.", errors=errors
        ).response()

    async def on_away(_request: Request, error: Exception) -> Response:
        assert isinstance(error, DependencyAway)
        log.warning("request refused, a part is away", extra={"part": error.part, "reason": error.reason})
        problem = Problem(
            503,
            "part-away",
            "A part of the service is away for now; nothing was changed. Try again shortly.",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )
        return problem.response(**({"debug": str(error)} if debug else {}))

    async def on_bug(request: Request, error: Exception) -> Response:
        log.error("unexpected error in an HTTP handler", exc_info=error, extra={"path": request.url.path})
        problem = Problem(500, "internal-error", "An unexpected error; it has been logged.")
        return problem.response(**({"debug": traceback.format_exception_only(error)} if debug else {}))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(BodyTooLarge, on_too_large)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(DependencyAway, on_away)
    app.add_exception_handler(Exception, on_bug)
