"""Replaying dead letters: as an operator asks, paced, one at a time in the whole deployment, and never by itself.

A letter is marked after its record is acknowledged. A crash in between leaves it unmarked, so that it may go out once
more when it is asked for again. That is the smaller harm: every reader takes a record twice, and a retry that is asked
for twice has the same name; a letter that is marked and never went out would be lost without a word.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from services.aggregator.domain.dead_letter import DeadLetter, DeadLetterKind, LetterId, Step, steps_of
from services.aggregator.domain.dead_letter_list import LetterPlace, Wanted, cursor_after
from services.aggregator.domain.dead_letter_replay import (
    STEPS_A_SECOND,
    Refusal,
    ReplayAction,
    ReplayedLetter,
    ReplayOrder,
    ReplayReport,
)
from shared.errors import DependencyAway
from shared.ids import Owner, RequestId

log = logging.getLogger(__name__)


class ReplayRunning(Exception):
    """Letters are being replayed by another call. Wait until it has ended, then try again."""


@dataclass(frozen=True, slots=True)
class LetterRequest:
    """The request of a letter, as far as a replay must know it."""

    owner: Owner
    has_ended: bool


class Letters(Protocol):
    """Letters to choose from. Keys, values and headers are cut unless a whole letter is asked for."""

    async def named(self, ids: Sequence[LetterId]) -> Sequence[DeadLetter]:
        """Those of them that exist."""
        ...

    async def fitting(self, wanted: Wanted, *, after: LetterPlace, limit: int) -> tuple[Sequence[DeadLetter], int]:
        """The oldest that fit and were never replayed, and how many there are in all."""
        ...

    async def whole(self, letter: LetterId) -> DeadLetter | None: ...

    async def request(self, request_id: RequestId) -> LetterRequest | None:
        """None when it was deleted."""
        ...

    async def mark(self, letters: Sequence[DeadLetter], *, at: datetime) -> None:
        """Note that these were replayed, and those with their subject that never were.

        An image's are so for good: whatever comes later has its mark already.
        """


class LetterRows(Protocol):
    def reading(self) -> AbstractAsyncContextManager[Letters]: ...

    def replaying(self) -> AbstractAsyncContextManager[Letters | None]:
        """None while another call replays."""
        ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a replay does, and `send`, which does it and returns when it is acknowledged."""

    action: ReplayAction
    target: str
    send: Callable[[], Awaitable[None]]


class Replay(Protocol):
    """How letters of one kind are replayed."""

    async def prepared(self, letter: DeadLetter, letters: Letters, /) -> Prepared | Refusal: ...


class ReplayDeadLetters:
    def __init__(
        self,
        rows: LetterRows,
        replays: Mapping[DeadLetterKind, Replay],
        *,
        now: Callable[[], datetime],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rows = rows
        self._replays = replays
        self._now = now
        self._pause = pause

    async def __call__(self, order: ReplayOrder) -> ReplayReport:
        """Do it, or with `dry_run` say what would be done. Raises `ReplayRunning`."""
        if order.dry_run:
            async with self._rows.reading() as letters:
                return await self._carried_out(order, letters)
        async with self._rows.replaying() as own:
            if own is None:
                raise ReplayRunning(ReplayRunning.__doc__)
            return await self._carried_out(order, own)

    async def _carried_out(self, order: ReplayOrder, letters: Letters) -> ReplayReport:
        if order.ids:
            return await self._named(order, letters)
        chosen, fitting = await letters.fitting(order.wanted, after=order.after, limit=order.limit)
        took = await self._took(chosen, order, letters)
        return ReplayReport(took.told(), fitting, cursor_after(chosen, order.limit), took.stopped)

    async def _named(self, order: ReplayOrder, letters: Letters) -> ReplayReport:
        ids = list(dict.fromkeys(order.ids))
        found = {letter.id: letter for letter in await letters.named(ids)}
        took = await self._took([found[each] for each in ids if each in found], order, letters)
        unknown = [_unknown(each) for each in ids if each not in found]
        return ReplayReport([*took.told(), *unknown], len(found), stopped=took.stopped)

    async def _took(self, chosen: Sequence[DeadLetter], order: ReplayOrder, letters: Letters) -> "_Took":
        took = _Took(chosen)
        for step in steps_of([letter for letter in chosen if order.again or letter.replayed_at is None]):
            if took.stopped is not None:
                took.note(step, outcome="not_reached")
                continue
            try:
                await self._take(step, order, letters, took)
            except DependencyAway as away:
                if order.dry_run:
                    raise
                took.stop(step, away)
        return took

    async def _take(self, step: Step, order: ReplayOrder, letters: Letters, took: "_Took") -> None:
        prepared = await self._replays[step.first.kind].prepared(step.first, letters)
        if isinstance(prepared, Refusal):
            took.note(step, outcome="refused", code=prepared.code, detail=prepared.detail)
            return
        does = {"action": prepared.action, "target": prepared.target}
        if order.dry_run:
            took.note(step, outcome="would_replay", **does)
            return
        await prepared.send()
        await letters.mark(step.letters, at=self._now())
        took.note(step, outcome="replayed", **does)
        log.info("dead letter replayed", extra={"letter": str(step.first.id), **does})
        await self._pause(1 / STEPS_A_SECOND)


class _Took:
    """What became of the chosen letters so far."""

    def __init__(self, chosen: Sequence[DeadLetter]) -> None:
        self._letters = {
            letter.id: ReplayedLetter(letter.id, "already_replayed", letter.kind, letter.request_id)
            for letter in chosen
        }
        self.stopped: str | None = None

    def note(self, step: Step, **became: Any) -> None:
        for letter in step.letters:
            self._letters[letter.id] = replace(self._letters[letter.id], **became)

    def stop(self, step: Step, away: DependencyAway) -> None:
        self.stopped = str(away)
        self.note(
            step, outcome="failed", detail=f"{self.stopped}. It is not marked, and may have gone out all the same."
        )
        log.warning("replay of dead letters stopped", extra={"part": away.part, "reason": away.reason})

    def told(self) -> list[ReplayedLetter]:
        return list(self._letters.values())


def _unknown(letter: LetterId) -> ReplayedLetter:
    return ReplayedLetter(letter, "refused", code="unknown_letter", detail="There is no dead letter with this id.")
