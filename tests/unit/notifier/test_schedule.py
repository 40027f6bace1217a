"""The waits between attempts."""

from datetime import timedelta

import pytest

from services.notifier.domain.schedule import STANDARD_DELAYS, Schedule, delay_in_crowd, wished_delay


def test_the_standard_schedule_takes_three_days_and_some() -> None:
    assert sum(STANDARD_DELAYS, timedelta(0)) == timedelta(days=3, hours=3, minutes=35, seconds=5)
    assert timedelta(days=3) < Schedule().length < timedelta(days=4)


@pytest.mark.checklist("N9")
@pytest.mark.parametrize("chance", [0.0, 0.3, 1.0])
def test_chance_makes_a_wait_longer_by_a_tenth_at_most_and_never_shorter(chance: float) -> None:
    for made, delay in enumerate(STANDARD_DELAYS, start=1):
        planned = Schedule().delay_after(made, chance)
        assert planned is not None
        assert delay <= planned <= delay * 1.1


def test_a_wait_as_short_as_the_shortest_tier_is_kept_as_it_is() -> None:
    assert Schedule().delay_after(1, 1.0) == timedelta(seconds=5)


def test_after_the_last_attempt_there_is_no_next() -> None:
    assert Schedule().delay_after(9, 0.0) == timedelta(hours=24)
    assert Schedule().delay_after(10, 0.0) is None


@pytest.mark.checklist("N8")
@pytest.mark.parametrize(
    ("wish", "wishes", "seconds"),
    [(0, 0, 5), (60, 0, 60), (7, 1, 10), (0, 30, 1800), (3600, 30, 3600), (1e8, 0, 86400)],
)
def test_a_wish_is_met_within_a_day_and_repeated_ones_take_longer(wish: float, wishes: int, seconds: float) -> None:
    assert wished_delay(timedelta(seconds=wish), wishes) == timedelta(seconds=seconds)


def test_in_a_crowd_the_next_turn_comes_soon_and_later_less_often() -> None:
    assert [delay_in_crowd(deferrals).total_seconds() for deferrals in range(5)] == [5, 5, 5, 30, 30]
