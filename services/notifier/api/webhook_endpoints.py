"""`/v1/webhook-endpoints`: callback URLs that fail, and those that are called no more."""

from collections.abc import Sequence
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from services.notifier.api.parameters import uuid_or_none
from services.notifier.domain.delivery import host_of
from services.notifier.domain.endpoint_health import DisabledReason, Endpoint, EndpointId
from shared.events import Timestamp
from shared.http.callers import OWNERS_ONLY, Callers
from shared.http.documented_problems import problem_answers
from shared.http.problems import Problem
from shared.ids import Owner

_UNKNOWN: Final = {404: ("unknown-webhook-endpoint", "There is no endpoint with this id on record.")}


class Endpoints(Protocol):
    """Endpoints that fail or are disabled."""

    async def of_owner(self, owner: Owner) -> Sequence[Endpoint]:
        """Those that are disabled and then those that fail, the latest first; the first 200."""
        ...

    async def enable(self, owner: Owner, name: EndpointId) -> Endpoint | None:
        """Call it again from now on; None when the owner has no such endpoint on record."""
        ...


class EndpointView(BaseModel):
    """One callback URL, of which the host alone is shown."""

    endpoint_id: str
    host: str
    failing_since: Timestamp | None = Field(description="The first failure since which nothing succeeded.")
    disabled_at: Timestamp | None = Field(description="Since when it is not called; null while it is.")
    reason: DisabledReason | None = Field(
        description="`gone`: it answered 410. `failing`: nothing succeeded for `WEBHOOK_DISABLE_AFTER_SECONDS`."
    )


class EndpointsView(BaseModel):
    items: list[EndpointView]


def webhook_endpoints_router(endpoints: Endpoints, *, callers: Callers) -> APIRouter:
    """The routes. Each owner sees and enables their own endpoints alone."""
    router = APIRouter(prefix="/v1/webhook-endpoints", tags=["webhook endpoints"])
    caller = Depends(callers.owner)

    @router.get("", summary="List webhook endpoints in trouble", responses=problem_answers(OWNERS_ONLY))
    async def listed(owner: Annotated[Owner, caller]) -> EndpointsView:
        """Callback URLs that are disabled, and those whose latest attempt failed: at most 200, the latest first.

        Those that work are not listed.
        """
        return EndpointsView(items=[_view(one) for one in await endpoints.of_owner(owner)])

    @router.post(
        "/{endpoint_id}/enable",
        summary="Enable a webhook endpoint",
        responses=problem_answers({**OWNERS_ONLY, **_UNKNOWN}),
    )
    async def enable(
        owner: Annotated[Owner, caller],
        endpoint_id: Annotated[str, Path(description="The `endpoint_id` of the list, or of a delivery.")],
    ) -> EndpointView:
        """It is called again from now on, as if it had never failed. What failed meanwhile can be redelivered."""
        known = uuid_or_none(endpoint_id)
        enabled = None if known is None else await endpoints.enable(owner, EndpointId(known))
        if enabled is None:
            detail = "There is no endpoint with this id on record: those that work are not."
            raise Problem(404, "unknown-webhook-endpoint", detail)
        return _view(enabled)

    return router


def _view(endpoint: Endpoint) -> EndpointView:
    health = endpoint.health
    return EndpointView(
        endpoint_id=endpoint.endpoint_id,
        host=host_of(endpoint.url),
        failing_since=health.failing_since,
        disabled_at=health.disabled_at,
        reason=health.reason,
    )
