"""The HTTP surface that every process has: health, readiness, metrics, documentation, problems."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import DependencyAway
from shared.http.callers import BEARER, OPERATORS_ONLY, Operators
from shared.http.documented_problems import problem_answers
from shared.http.foreign_pages import is_foreign, is_own
from shared.http.problems import Problem, answer_with_problems
from shared.http.small_bodies import SmallBodies

Probe = Callable[[], Awaitable[None]]
PROBE_SECONDS = 5.0
OK = "ok"
NO_SNIFFING = (b"x-content-type-options", b"nosniff")


class _UnsniffedApp(FastAPI):
    """Every answer, that of an unexpected error too, is to be taken for what its content type says."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), NO_SNIFFING]
            await send(message)

        await super().__call__(scope, receive, sending)


class _OwnPages:
    """Refuses what web pages of others make a browser send. Only where no key is asked for can they do harm."""

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (self._app if refusal is None else refusal.response())(scope, receive, send)

    def _refusal(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        if not is_own(headers.get("host", ""), self._hosts):
            return _foreign("This server does not know itself by this host name. Use its public URL, or its address.")
        if is_foreign(headers, method=scope["method"], path=scope["path"]):
            return _foreign("A web page of another origin sent this, and this server asks for no key (AUTH=off).")
        return None


def _foreign(detail: str) -> Problem:
    return Problem(403, "foreign-origin", detail, headers={"Connection": "close"})


def service_app(
    title: str,
    probes: Mapping[str, Probe],
    *,
    operators: Operators,
    debug: bool,
    uploads: Collection[str] = (),
) -> FastAPI:
    """Make an app that answers `/healthz`, `/readyz`, and `/metrics` to operators.

    A probe raises when its part does not answer. Bodies are small, but those that are posted to the paths `uploads`.
    """
    app = _UnsniffedApp(title=f"Pixelmill {title}", version="1", redoc_url=None)
    answer_with_problems(app, debug=debug)
    app.add_middleware(SmallBodies, uploads=uploads)
    if operators.auth == "off":
        app.add_middleware(_OwnPages, hosts=operators.hosts)
    app.include_router(_operations(probes, operators))
    return app


def _operations(probes: Mapping[str, Probe], operators: Operators) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> str:
        """The process is alive."""
        return "ok\n"

    @router.get("/readyz", responses={503: {"description": "Not ready.", "content": {"application/json": {}}}})
    async def readyz(request: Request) -> Response:
        """Every part that the process needs answers; 503 and the parts that do not, otherwise."""
        # Why a part is away only operators are told: addresses of ours may stand in it.
        told = operators.lets_in(await BEARER(request))
        answers = await asyncio.gather(*(_answers(probe) for probe in probes.values()))
        ready = all(answer == OK for answer in answers)
        shown = answers if told else [answer if answer == OK else "away" for answer in answers]
        parts = dict(zip(probes, shown, strict=True))
        return JSONResponse({"ready": ready, "parts": parts}, 200 if ready else 503)

    @router.get(
        "/metrics",
        dependencies=[Depends(operators.admit)],
        response_class=PlainTextResponse,
        responses=problem_answers(OPERATORS_ONLY),
    )
    async def metrics() -> Response:
        """Metrics in Prometheus' text format."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


async def _answers(probe: Probe) -> str:
    try:
        await asyncio.wait_for(probe(), PROBE_SECONDS)
    except TimeoutError:
        return "no answer in time"
    except DependencyAway as away:
        return away.reason
    return OK
