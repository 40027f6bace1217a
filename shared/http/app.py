"""The HTTP surface that every process has: health, readiness, metrics, documentation, problems."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.errors import DependencyAway
from shared.http.callers import OPERATORS_ONLY, Operators
from shared.http.documented_problems import problem_answers
from shared.http.problems import answer_with_problems

Probe = Callable[[], Awaitable[None]]
PROBE_SECONDS = 5.0


def service_app(title: str, probes: Mapping[str, Probe], *, operators: Operators, debug: bool) -> FastAPI:
    """Make an app that answers `/healthz`, `/readyz`, and `/metrics` to operators.

    A probe raises when its part does not answer.
    """
    app = FastAPI(title=f"Pixelmill {title}", version="1", redoc_url=None)
    answer_with_problems(app, debug=debug)
    app.include_router(_operations(probes, operators))
    return app


def _operations(probes: Mapping[str, Probe], operators: Operators) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> str:
        """The process is alive."""
        return "ok\n"

    @router.get("/readyz")
    async def readyz() -> Response:
        """Every part that the process needs answers; 503 and the parts that do not, otherwise."""
        answers = await asyncio.gather(*(_answers(probe) for probe in probes.values()))
        parts = dict(zip(probes, answers, strict=True))
        ready = all(answer == "ok" for answer in answers)
        return JSONResponse({"ready": ready, "parts": parts}, 200 if ready else 503)

    @router.get("/metrics", dependencies=[Depends(operators.admit)], responses=problem_answers(OPERATORS_ONLY))
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
    return "ok"
