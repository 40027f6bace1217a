"""What an operator wants to have replayed, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from services.aggregator.domain.dead_letter import DeadLetterKind, LetterId
from services.aggregator.domain.dead_letter_list import EVERY_LETTER, OLDEST, LetterPlace, Wanted
from shared.ids import RequestId

ReplayAction = Literal["retry_request", "deliver_again", "append_again"]
ReplayOutcome = Literal["replayed", "would_replay", "already_replayed", "refused", "failed", "not_reached"]
RefusalCode = Literal["unknown_letter", "request_gone", "request_not_ended", "unreadable", "unknown_topic", "cut"]

MOST_LETTERS: Final = 1000
"""How many letters one call looks at."""
STEPS_A_SECOND: Final = 50


@dataclass(frozen=True, slots=True)
class ReplayOrder:
    """Letters by `ids`, or else those that fit `wanted` after a place and were never replayed, the oldest first.

    `again` replays letters by id that were replayed before.
    """

    wanted: Wanted = EVERY_LETTER
    ids: Sequence[LetterId] = ()
    after: LetterPlace = OLDEST
    limit: int = MOST_LETTERS
    again: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing can be done for a letter; the detail tells what to do instead."""

    code: RefusalCode
    detail: str


@dataclass(frozen=True, slots=True)
class ReplayedLetter:
    """What became of one letter. `target` is the request, delivery or topic that the action is about."""

    id: LetterId
    outcome: ReplayOutcome
    kind: DeadLetterKind | None = None
    request_id: RequestId | None = None
    action: ReplayAction | None = None
    target: str | None = None
    code: RefusalCode | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What became of each chosen letter, and how many fitted in all. `stopped` says why the rest was not reached."""

    letters: Sequence[ReplayedLetter]
    fitting: int
    next_cursor: str | None = None
    stopped: str | None = None

    @property
    def has_replayed(self) -> bool:
        return any(letter.outcome == "replayed" for letter in self.letters)
