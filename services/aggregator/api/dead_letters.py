"""`/v1/dead-letters`: what nobody could do anything with, and replaying it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Depends, Path, Query, Response

from services.aggregator.api.dead_letter_answer import (
    DeadLetterAnswer,
    DeadLetterList,
    ReplayAnswer,
    group_answer,
    letter_answer,
    replay_answer,
)
from services.aggregator.api.dead_letter_orders import LONGEST_ID, LetterFilter, ReplayOrderBody
from services.aggregator.api.parameters import INVALID_PARAMETERS
from services.aggregator.domain.dead_letter import DeadLetter, LetterGroup, LetterId, NotALetterId, letter_id
from services.aggregator.domain.dead_letter_list import LetterPlace, Wanted, cursor_after
from services.aggregator.domain.dead_letter_replay import ReplayOrder, ReplayReport
from services.aggregator.replay_dead_letters import ReplayRunning
from shared.http.callers import OPERATORS_ONLY, Operators
from shared.http.documented_problems import UNREADABLE_BODY, problem_answers
from shared.http.problems import Problem

RETRY_AFTER_SECONDS: Final = 5
_FRESH: Final = {"Cache-Control": "no-store"}

_UNKNOWN: Final = {404: ("unknown-letter", "There is no dead letter with this id.")}
_RUNNING: Final = {409: ("replay-running", "Another call replays letters; `Retry-After` says when to ask again.")}

Replaying = Callable[[ReplayOrder], Awaitable[ReplayReport]]


class LetterPages(Protocol):
    async def page(self, wanted: Wanted, *, before: LetterPlace, limit: int) -> Sequence[DeadLetter]:
        """The newest letters before a place, the newest first; keys, values and headers may be cut."""
        ...

    async def groups(self, wanted: Wanted) -> Sequence[LetterGroup]:
        """The group with the newest letter first."""
        ...

    async def find(self, letter: LetterId) -> DeadLetter | None:
        """The whole letter."""
        ...


def dead_letters_router(letters: LetterPages, replay: Replaying, *, operators: Operators) -> APIRouter:
    router = APIRouter(prefix="/v1/dead-letters", tags=["dead letters"], dependencies=[Depends(operators.admit)])

    @router.get("", summary="List dead letters", responses=problem_answers({**OPERATORS_ONLY, **INVALID_PARAMETERS}))
    async def listed(response: Response, wanted: Annotated[LetterFilter, Query()]) -> DeadLetterList:
        """What fits in groups, and letters newest first, each with its origin and the beginning of its payload."""
        response.headers.update(_FRESH)
        page = await letters.page(wanted.wanted, before=wanted.before, limit=wanted.limit)
        groups = await letters.groups(wanted.wanted)
        return DeadLetterList(
            groups=[group_answer(group) for group in groups],
            items=[letter_answer(letter) for letter in page],
            next_cursor=cursor_after(page, wanted.limit),
        )

    @router.get(
        "/{letter}",
        summary="Show a dead letter",
        responses=problem_answers({**OPERATORS_ONLY, **_UNKNOWN, **INVALID_PARAMETERS}),
    )
    async def shown(
        response: Response,
        letter: Annotated[str, Path(max_length=LONGEST_ID, description="The letter's `id`, as the list gives it.")],
    ) -> DeadLetterAnswer:
        """One letter with all of its payload and headers."""
        response.headers.update(_FRESH)
        return letter_answer(await _found(letters, letter))

    @router.post(
        "/replay",
        summary="Replay dead letters",
        responses=problem_answers({**OPERATORS_ONLY, **UNREADABLE_BODY, **_RUNNING, **INVALID_PARAMETERS}),
    )
    async def replayed(body: ReplayOrderBody) -> ReplayAnswer:
        """An image becomes a retry request, once for its request; a delivery is delivered again; an undecodable record
        goes back to its topic. At most 50 a second, for the whole deployment, and one call at a time. A letter that was
        replayed is not replayed again, unless by id with `again`."""
        order = body.order()
        return replay_answer(await _report(replay, order), dry_run=order.dry_run)

    return router


async def _found(letters: LetterPages, name: str) -> DeadLetter:
    try:
        found = await letters.find(letter_id(name))
    except NotALetterId:
        found = None
    if found is None:
        raise Problem(404, "unknown-letter", "There is no dead letter with this id. Letters are forgotten in time.")
    return found


async def _report(replay: Replaying, order: ReplayOrder) -> ReplayReport:
    retry_after = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    try:
        report = await replay(order)
    except ReplayRunning as running:
        raise Problem(409, "replay-running", str(running), headers=retry_after) from running
    if report.stopped is not None and not report.has_replayed:
        detail = f"{report.stopped}. No letter is marked as replayed; one record may have gone out all the same."
        raise Problem(503, "part-away", detail, headers=retry_after)
    return report
