"""`POST /v1/deliveries/redeliver`: many webhooks once more."""

from math import ceil
from typing import Annotated, Final, Literal, Protocol, Self
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from services.notifier.domain.redelivery import (
    BEGINNING,
    MOST_AT_ONCE,
    Place,
    Redelivery,
    RedeliveryReport,
    RedeliveryRunning,
)
from shared.http.callers import OWNERS_ONLY, Callers
from shared.http.documented_problems import UNREADABLE_BODY, problem_answers
from shared.http.moments import Moment
from shared.http.problems import Problem
from shared.ids import Owner, RequestId
from shared.list_cursors import cursor_of, place_of

EndState = Literal["failed", "delivered"]

_INVALID: Final = {**UNREADABLE_BODY, 422: ("invalid-parameters", "The body is not valid.")}
_RUNNING: Final = {
    409: ("redelivery-running", "What the call before scheduled is not due yet; `Retry-After` says when it is.")
}
LONGEST_CURSOR: Final = 100


class Redeliveries(Protocol):
    async def __call__(self, wanted: Redelivery, *, dry_run: bool) -> RedeliveryReport:
        """Schedule what fits and may be called, at most `limit`; with `dry_run` only count it.

        Raises `RedeliveryRunning` when what the call before scheduled is not due yet.
        """
        ...


def _cursor(text: str) -> str:
    place_of(text)
    return text


class RedeliveryOrder(BaseModel):
    """Which webhooks are delivered once more."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"since": "2026-03-01T00:00:00Z", "until": "2026-03-02T00:00:00Z", "dry_run": True}
        },
    )

    since: Moment = Field(description="Webhooks that were owed at this time or later.")
    until: Moment = Field(description="And before this time.")
    request_id: UUID | None = Field(default=None, description="Only webhooks of this request.")
    states: list[EndState] = Field(
        default=["failed"],
        min_length=1,
        max_length=2,
        description="Webhooks that stand so; `delivered` ones are sent again too.",
    )
    dry_run: bool = Field(default=False, strict=True, description="Only say what would be done.")
    limit: int = Field(
        default=MOST_AT_ONCE, strict=True, ge=1, le=MOST_AT_ONCE, description="Webhooks at most, the oldest first."
    )
    cursor: Annotated[str, AfterValidator(_cursor)] | None = Field(
        default=None, max_length=LONGEST_CURSOR, description="`next_cursor` of the call before: go on after it."
    )

    @model_validator(mode="after")
    def _is_a_window(self) -> Self:
        if self.until <= self.since:
            raise ValueError("until must be later than since")
        return self

    def of(self, owner: Owner) -> Redelivery:
        return Redelivery(
            owner=owner,
            since=self.since,
            until=self.until,
            states=set(self.states),
            request_id=None if self.request_id is None else RequestId(str(self.request_id)),
            after=BEGINNING if self.cursor is None else Place(*place_of(self.cursor)),
            limit=self.limit,
        )


class RedeliveryAnswer(BaseModel):
    """What was scheduled, or with `dry_run` would be."""

    dry_run: bool
    matching: int = Field(description="How many webhooks fit from here on, those of this answer included.")
    scheduled: int
    disabled: int = Field(description="How many were passed over, since their endpoint is disabled.")
    next_cursor: str | None = Field(description="Goes on where this call ended; null when it reached the last one.")
    stopped: str | None = Field(description="Why the call ended early, when a part went away meanwhile.")


def redelivery_router(redeliver: Redeliveries, *, callers: Callers) -> APIRouter:
    router = APIRouter(prefix="/v1/deliveries", tags=["deliveries"])

    @router.post(
        "/redeliver",
        status_code=202,
        summary="Deliver many webhooks once more",
        responses=problem_answers({**OWNERS_ONLY, **_INVALID, **_RUNNING}),
    )
    async def redelivered(owner: Annotated[Owner, Depends(callers.owner)], body: RedeliveryOrder) -> RedeliveryAnswer:
        """The schedule of each begins anew, 50 in a second, with the same body and `webhook-id`; its first attempt is
        marked `manual`. What is pending is left as it is."""
        report = await _report(redeliver, body.of(owner), dry_run=body.dry_run)
        return RedeliveryAnswer(
            dry_run=body.dry_run,
            matching=report.matching,
            scheduled=report.scheduled,
            disabled=report.disabled,
            next_cursor=None if report.next_place is None else cursor_of(*report.next_place),
            stopped=report.stopped,
        )

    return router


async def _report(redeliver: Redeliveries, wanted: Redelivery, *, dry_run: bool) -> RedeliveryReport:
    try:
        return await redeliver(wanted, dry_run=dry_run)
    except RedeliveryRunning as running:
        headers = {"Retry-After": str(max(1, ceil(running.wait.total_seconds())))}
        raise Problem(409, "redelivery-running", str(running), headers=headers) from running
