"""`/v1`: the webhooks owed for a request, what became of each attempt, and trying once more."""

from collections.abc import Sequence
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from services.notifier.api.parameters import uuid_or_none
from services.notifier.domain.delivery import Delivery, DeliveryId, DeliveryState, TriggerKind, trigger_kind
from services.notifier.domain.endpoint_health import EndpointId, endpoint_id
from services.notifier.domain.history import MOST_LISTED, NumberedAttempt, RecordedDelivery
from services.notifier.manual_places import TooManyByHand
from shared.events import Timestamp
from shared.http.callers import OWNERS_ONLY, Callers
from shared.http.documented_problems import problem_answers
from shared.http.problems import Problem
from shared.ids import Owner, RequestId


class DeliveryRecords(Protocol):
    """What was delivered, and what was not."""

    async def of_request(self, request_id: RequestId) -> Sequence[RecordedDelivery]: ...

    async def find(self, delivery_id: DeliveryId) -> RecordedDelivery | None: ...


class Requests(Protocol):
    """Whose a request is."""

    async def is_of(self, owner: Owner, request_id: RequestId) -> bool:
        """Whether there is such a request, and it is this owner's."""
        ...


class ByHand(Protocol):
    """Tries outside the schedule."""

    async def deliver(self, delivery: Delivery) -> None:
        """Post once and record it; raises `TooManyByHand` when as many are under way as may be."""
        ...


class Endpoints(Protocol):
    async def is_disabled(self, name: EndpointId) -> bool: ...


_UNKNOWN_REQUEST: Final = {404: ("unknown-request", "There is no request with this id.")}
_UNKNOWN_DELIVERY: Final = {404: ("unknown-delivery", "There is no delivery with this id.")}
_DISABLED: Final = {409: ("endpoint-disabled", "The endpoint is disabled: enable it first.")}
_TOO_MANY: Final = {
    429: ("too-many-redeliveries", "As many webhooks are delivered by hand as may be at once; see `Retry-After`.")
}
RETRY_AFTER_SECONDS: Final = 5


class ErrorView(BaseModel):
    code: str
    message: str


class AttemptView(BaseModel):
    """One try; `status` is null without an answer, `response` is the first kilobyte of one.

    `trigger` is what caused it: the `completion` of the request, a `retry` of the schedule, or a person (`manual`).
    `next_attempt_at` is when the next one was due after it.
    """

    n: int
    at: Timestamp
    trigger: TriggerKind
    host: str
    status: int | None
    error: ErrorView | None
    duration_ms: int
    response: str | None
    next_attempt_at: Timestamp | None


class DeliveryView(BaseModel):
    """One webhook; `delivery_id` is the `webhook-id` of all its attempts.

    `next_attempt_at` is when it is tried again at the earliest, null once it is `delivered` or `failed`.
    """

    delivery_id: str
    request_id: str
    type: str
    host: str
    endpoint_id: str
    state: DeliveryState
    created_at: Timestamp
    delivered_at: Timestamp | None
    next_attempt_at: Timestamp | None
    attempts: list[AttemptView] = Field(description=f"The newest {MOST_LISTED}, in order.")
    attempts_total: int = Field(description="How many attempts there were in all.")


class DeliveriesView(BaseModel):
    items: list[DeliveryView]


def deliveries_router(
    records: DeliveryRecords, requests: Requests, by_hand: ByHand, *, endpoints: Endpoints, callers: Callers
) -> APIRouter:
    """The routes. What is another owner's does not exist for a caller."""
    router = APIRouter(prefix="/v1", tags=["deliveries"])

    @router.get(
        "/requests/{request_id}/deliveries",
        summary="List the webhooks of a request",
        responses=problem_answers({**OWNERS_ONLY, **_UNKNOWN_REQUEST}),
    )
    async def deliveries(
        owner: Annotated[Owner, Depends(callers.owner)],
        request_id: Annotated[str, Path(description="The id that submitting gave.")],
    ) -> DeliveriesView:
        """The webhooks of one request with their attempts; none when no callback URL was given."""
        known = RequestId(_uuid(request_id, "request"))
        found = [one for one in await records.of_request(known) if one.owed.delivery.owner == owner]
        if not found and not await requests.is_of(owner, known):
            raise _missing("request", request_id)
        return DeliveriesView(items=[_view(one) for one in found])

    @router.post(
        "/deliveries/{delivery_id}/redeliver",
        summary="Deliver a webhook once more",
        responses=problem_answers({**OWNERS_ONLY, **_UNKNOWN_DELIVERY, **_DISABLED, **_TOO_MANY}),
    )
    async def redeliver(
        owner: Annotated[Owner, Depends(callers.owner)],
        delivery_id: Annotated[str, Path(description="The `webhook-id` of the delivery.")],
    ) -> DeliveryView:
        """Post the same body with the same `webhook-id` once more, now, and say what became of it.

        The schedule goes on as it was, unless this attempt succeeds: then the webhook is delivered.
        """
        known = DeliveryId(_uuid(delivery_id, "delivery"))
        recorded = await _found(records, known, owner)
        await _check_enabled(endpoints, recorded.owed.delivery)
        await _deliver(by_hand, recorded.owed.delivery)
        return _view(await _found(records, known, owner))

    return router


async def _found(records: DeliveryRecords, delivery_id: DeliveryId, owner: Owner) -> RecordedDelivery:
    recorded = await records.find(delivery_id)
    if recorded is None or recorded.owed.delivery.owner != owner:
        raise _missing("delivery", delivery_id)
    return recorded


async def _check_enabled(endpoints: Endpoints, delivery: Delivery) -> None:
    name = endpoint_id(delivery.owner, delivery.url)
    if await endpoints.is_disabled(name):
        detail = f"The endpoint is disabled. Enable it with POST /v1/webhook-endpoints/{name}/enable."
        raise Problem(409, "endpoint-disabled", detail, endpoint_id=name)


async def _deliver(by_hand: ByHand, delivery: Delivery) -> None:
    try:
        await by_hand.deliver(delivery)
    except TooManyByHand as refusal:
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        raise Problem(429, "too-many-redeliveries", str(refusal), headers=headers) from refusal


def _uuid(text: str, kind: str) -> str:
    known = uuid_or_none(text)
    if known is None:
        raise _missing(kind, text)
    return known


def _missing(kind: str, name: str) -> Problem:
    return Problem(404, f"unknown-{kind}", f"There is no {kind} {name[:64]!r}.")


def _view(recorded: RecordedDelivery) -> DeliveryView:
    delivery, progress = recorded.owed.delivery, recorded.owed.progress
    return DeliveryView(
        delivery_id=delivery.delivery_id,
        request_id=delivery.request_id,
        type=delivery.type,
        host=delivery.host,
        endpoint_id=endpoint_id(delivery.owner, delivery.url),
        state=progress.state,
        created_at=recorded.created_at,
        delivered_at=recorded.delivered_at,
        next_attempt_at=progress.next_attempt_at,
        attempts=[_attempt_view(numbered, delivery.host) for numbered in recorded.attempts],
        attempts_total=recorded.attempts_total,
    )


def _attempt_view(numbered: NumberedAttempt, host: str) -> AttemptView:
    attempt = numbered.attempt
    return AttemptView(
        n=numbered.n,
        at=attempt.at,
        trigger=trigger_kind(attempt.trigger),
        host=host,
        status=attempt.status,
        error=ErrorView(code=attempt.error.code, message=attempt.error.message) if attempt.error else None,
        duration_ms=attempt.duration_ms,
        response=attempt.response,
        next_attempt_at=numbered.next_attempt_at,
    )
