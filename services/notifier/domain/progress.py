"""Where a delivery stands in its schedule, and where each step leads.

A step is taken by one record, which is named in it: that record, and no other, may repeat what follows from the step.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from services.notifier.domain.delivery import MANUAL, Attempt, Delivery, DeliveryState
from services.notifier.domain.schedule import Schedule, delay_in_crowd, wished_delay

ENDPOINT_DISABLED: Final = "endpoint_disabled"
NO_WEBHOOK_SECRET: Final = "no_webhook_secret"  # noqa: S105 - a code, not a secret

HOPELESS: Final = frozenset({"invalid_url", "blocked_address", "blocked_port", "http_410", ENDPOINT_DISABLED})
"""What no patience heals: the URL may not be called, or its owner says that it is gone for good."""

NO_PLACE: Final = "no_place"
"""The safe client had no connection left for the server: it says so before anything is sent."""

NOT_POSTED: Final = frozenset({ENDPOINT_DISABLED, NO_WEBHOOK_SECRET, NO_PLACE})
"""Attempts that ended before anything was sent, for a reason on this side."""

BY_HAND: Final = f"{MANUAL}:"
"""Before the record that began a schedule anew because a person asked for it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """`attempts` counts those of the schedule since it began, `deferrals` what put the next one off since the last.

    `wishes` counts attempts that were not counted, `step` names the record that took the last step, and
    `replayed_by` the one that began the schedule anew, if any did.
    """

    began_at: datetime
    next_attempt_at: datetime | None
    state: DeliveryState = "pending"
    attempts: int = 0
    deferrals: int = 0
    wishes: int = 0
    step: str | None = None
    replayed_by: str | None = None

    @property
    def is_untouched(self) -> bool:
        """No record has taken a step yet."""
        return self.state == "pending" and self.step is None and self.replayed_by is None

    @property
    def is_asked_for_by_hand(self) -> bool:
        """A person had the schedule begun anew, and no attempt of it counts yet."""
        return self.attempts == 0 and (self.replayed_by or "").startswith(BY_HAND)

    def is_at(self, attempts: int, deferrals: int) -> bool:
        """Whether the next step is the one after so many attempts and deferrals."""
        return self.state == "pending" and (self.attempts, self.deferrals) == (attempts, deferrals)


@dataclass(frozen=True, slots=True)
class Owed:
    """A delivery and where it stands."""

    delivery: Delivery
    progress: Progress


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt and what is known of its circumstances.

    `wish` is how long the receiver asks to be left alone. `was_suspended` says that this process stood still
    meanwhile, so that a failure says nothing about the receiver.
    """

    attempt: Attempt
    wish: timedelta | None = None
    was_suspended: bool = False

    @property
    def counts(self) -> bool:
        if self.wish is not None or (self.attempt.error is not None and self.attempt.error.code == NO_PLACE):
            return False
        return not (self.was_suspended and self.attempt.status is None)

    @property
    def was_posted(self) -> bool:
        return self.attempt.error is None or self.attempt.error.code not in NOT_POSTED

    @property
    def says_nothing(self) -> bool:
        """Nothing is known of the receiver after it."""
        return not self.was_posted or (self.was_suspended and self.attempt.status is None)

    @property
    def is_hopeless(self) -> bool:
        return self.attempt.error is not None and self.attempt.error.code in HOPELESS


@dataclass(frozen=True, slots=True)
class Moment:
    """What a step depends on besides its delivery: its record, the time, and chance (0 to 1)."""

    trigger: str
    now: datetime
    chance: float


@dataclass(frozen=True, slots=True)
class Move:
    """From where to where a step leads."""

    before: Progress
    after: Progress


def owed_since(delivery: Delivery, now: datetime) -> Owed:
    """A delivery that nobody tried yet."""
    return Owed(delivery, Progress(began_at=now, next_attempt_at=now))


def after_attempt(before: Progress, tried: Tried, schedule: Schedule, moment: Moment) -> Progress:
    """Where an attempt of the schedule leads: it is delivered, tried again, or given up."""
    if tried.attempt.succeeded:
        return replace(before, state="delivered", next_attempt_at=None, step=moment.trigger)
    attempts = before.attempts + 1
    planned = schedule.delay_after(attempts, moment.chance)
    has_patience = moment.now - before.began_at < schedule.patience
    if not tried.counts and has_patience:
        delay = wished_delay(tried.wish or timedelta(0), before.wishes)
        if tried.wish is not None:
            # Nobody hurries the schedule by asking to wait.
            delay = max(delay, planned or delay)
        return replace(_put_off(before, delay, moment), wishes=before.wishes + 1)
    if planned is None or tried.is_hopeless:
        return replace(before, state="failed", attempts=attempts, next_attempt_at=None, step=moment.trigger)
    delay = max(planned, wished_delay(tried.wish, 0)) if tried.wish is not None else planned
    return replace(
        before, attempts=attempts, deferrals=0, wishes=0, next_attempt_at=moment.now + delay, step=moment.trigger
    )


def put_off(before: Progress, moment: Moment) -> Progress:
    """The endpoint has its hands full: later, with no attempt counted."""
    return _put_off(before, delay_in_crowd(before.deferrals), moment)


def _put_off(before: Progress, delay: timedelta, moment: Moment) -> Progress:
    return replace(before, deferrals=before.deferrals + 1, next_attempt_at=moment.now + delay, step=moment.trigger)
