"""When an image is tried again, and when it is given up."""

from datetime import timedelta

import pytest

from services.processor.domain.host_policy import LeftAlone
from services.processor.domain.retry_policy import BACKOFF, Defer, GiveUp, NextStep, Retry, next_step
from shared.errors import Transient

HOUR = timedelta(hours=1)
NOW = timedelta(0)
LEFT_ALONE = LeftAlone("http_503", "Left alone.", seconds=7)
RESET = Transient("connect_error", "Reset.")


def busy(retry_after: float | None = None) -> Transient:
    return Transient("http_503", "Busy.", retry_after_seconds=retry_after, defers=True)


def step(
    error: Transient,
    *,
    made: int = 0,
    failing_for: timedelta = NOW,
    patience: timedelta = HOUR,
    due_after: timedelta = NOW,
) -> NextStep:
    return next_step(error, made=made, failing_for=failing_for, patience=patience, due_after=due_after)


@pytest.mark.checklist("P21")
def test_three_retries_follow_the_first_try_after_one_two_and_four_seconds() -> None:
    waits = [step(RESET, made=made) for made in range(4)]
    assert waits == [*(Retry(timedelta(seconds=seconds)) for seconds in (1, 2, 4)), GiveUp()]


@pytest.mark.parametrize("made", range(3))
def test_attempts_do_not_depend_on_patience(made: int) -> None:
    assert step(RESET, made=made, failing_for=2 * HOUR) == Retry(BACKOFF[made])


def test_a_failure_that_names_a_time_is_not_retried_sooner() -> None:
    late = Transient("http_5xx", "500.", retry_after_seconds=9)
    assert step(late) == Retry(timedelta(seconds=9))
    assert step(late, patience=timedelta(seconds=5)) == Retry(timedelta(seconds=5))


def test_who_wants_to_be_left_alone_is_for_as_long_as_it_says_or_half_a_minute() -> None:
    assert step(busy(7)) == Defer(timedelta(seconds=7))
    assert step(busy()) == Defer(timedelta(seconds=30))


def test_a_deferral_never_reaches_beyond_patience() -> None:
    assert step(busy(86_400), failing_for=timedelta(minutes=50)) == Defer(timedelta(minutes=10))


@pytest.mark.parametrize("made", [0, 3])
def test_without_patience_left_it_is_given_up(made: int) -> None:
    assert step(busy(7), made=made, failing_for=HOUR) == GiveUp()
    assert step(busy(7), patience=NOW) == GiveUp()


def test_deferrals_do_not_end_with_the_attempts() -> None:
    assert step(busy(7), made=3) == Defer(timedelta(seconds=7))


@pytest.mark.parametrize("due_after", [timedelta(minutes=2), HOUR, HOUR + timedelta(milliseconds=5)])
def test_one_that_comes_when_patience_is_over_and_whose_host_is_not_asked_has_one_more_chance(
    due_after: timedelta,
) -> None:
    late = step(LEFT_ALONE, failing_for=3 * HOUR, due_after=due_after)
    assert late == Defer(timedelta(seconds=7))
    assert step(LEFT_ALONE, failing_for=3 * HOUR + timedelta(seconds=8), due_after=3 * HOUR) == GiveUp()


def test_one_that_comes_when_patience_is_over_and_whose_host_refuses_it_is_given_up() -> None:
    assert step(busy(7), failing_for=3 * HOUR, due_after=timedelta(minutes=2)) == GiveUp()


def test_without_any_patience_there_is_no_chance_more() -> None:
    assert step(LEFT_ALONE, patience=NOW) == GiveUp()
