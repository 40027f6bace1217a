"""A process that stood still blames nobody for what was late meanwhile."""

import pytest

from services.processor.suspension import Wakefulness
from shared.errors import DependencyAway, Permanent, Transient
from tests.unit.processor.fakes import ManualClock

TIMEOUT = Transient("timeout", "Too slow.")
A_LONG_TIME = 60.0


def fail_across_a_gap(error: Transient | Permanent) -> None:
    clock = ManualClock()
    with Wakefulness(clock).uninterrupted():
        clock.now += A_LONG_TIME
        raise error


@pytest.mark.parametrize(
    "error",
    [
        TIMEOUT,
        Transient("connect_error", "Closed."),
        Transient("truncated", "Half."),
        Transient("http_4xx", "408."),
        Permanent("codec_timeout", "Too long."),
    ],
)
def test_a_failure_across_a_gap_is_our_own(error: Transient | Permanent) -> None:
    with pytest.raises(DependencyAway) as raised:
        fail_across_a_gap(error)
    assert raised.value.part == "processor"


@pytest.mark.parametrize(
    "error", [Transient("http_5xx", "500."), Permanent("http_404", "404."), Permanent("http_4xx", "418.")]
)
def test_what_a_source_said_counts_whatever_happened(error: Transient | Permanent) -> None:
    with pytest.raises(type(error)):
        fail_across_a_gap(error)


def test_a_failure_without_a_gap_counts() -> None:
    with pytest.raises(Transient), Wakefulness(ManualClock()).uninterrupted():
        raise TIMEOUT
