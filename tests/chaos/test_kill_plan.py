"""The killer's choices: decided by the seed, never so fast that the system could not live on."""

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from deploy.embedded.process_identity import ProcessIdentity
from deploy.embedded.services import Scale
from tests.chaos.kill_plan import (
    CALM_SECONDS,
    CODEC_CALM_SECONDS,
    ENDING,
    ENDS_IN_A_ROW,
    PART_CALM_SECONDS,
    PAUSED_AT_ONCE,
    UNREADY_AT_ONCE,
    Act,
    KillPlan,
)
from tests.chaos.killer import Pace
from tests.chaos.rescaling import Rescaling
from tests.chaos.victims import CODEC, PARTS, Crowd, Victim

NAMES = ("ingest", "processor-1", "processor-2", "aggregator-1", "aggregator", "notifier", "kafka", "postgres", "s3")
RUNNING = Crowd(
    [Victim(name, ProcessIdentity(number, 1)) for number, name in enumerate((*NAMES, CODEC, CODEC))], unready=0
)
SESSION_SECONDS = 10.0


def acts(seed: int, *, spared: frozenset[str] = frozenset()) -> list[tuple[float, Act]]:
    """An hour of them, one each second where there is one."""
    plan = KillPlan(Random(seed), SESSION_SECONDS, spared)
    chosen = ((float(now), plan.next_act(RUNNING, float(now))) for now in range(3600))
    return [(now, act) for now, act in chosen if act is not None]


def times_by_name(names: set[str], *, ending: bool) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for now, act in acts(5):
        if act.victim.name in names and (act.deed in ENDING) == ending:
            found[act.victim.name].append(now)
    return found


def test_the_same_seed_chooses_the_same_acts_and_another_one_others() -> None:
    assert acts(7) == acts(7)
    assert acts(7) != acts(8)


def test_everyone_is_met_in_every_way() -> None:
    met = {(act.deed, act.victim.name) for _, act in acts(7)}
    assert met == {(deed, name) for deed in ("kill", "restart", "pause", "long pause") for name in NAMES} | {
        ("kill", CODEC)
    }


def test_no_process_ends_more_than_a_few_times_before_it_may_run_for_a_while() -> None:
    for times in times_by_name(set(NAMES), ending=True).values():
        for first, last in zip(times, times[ENDS_IN_A_ROW:], strict=False):
            gaps = [later - earlier for earlier, later in pairwise(times) if first <= earlier < last]
            assert max(gaps) >= CALM_SECONDS


@pytest.mark.parametrize(("names", "least"), [({CODEC}, CODEC_CALM_SECONDS), (set(PARTS), PART_CALM_SECONDS)])
def test_codec_processes_and_parts_are_let_alone_for_a_while(names: set[str], least: float) -> None:
    for times in times_by_name(names, ending=True).values():
        assert min(later - earlier for earlier, later in pairwise(times)) >= least


def test_long_pauses_exceed_the_session_and_few_processes_are_paused_at_once() -> None:
    pauses = [(now, act) for now, act in acts(7) if act.seconds]
    assert all(act.seconds > SESSION_SECONDS for _, act in pauses if act.deed == "long pause")
    for start, _ in pauses:
        assert sum(now <= start < now + act.seconds for now, act in pauses) <= PAUSED_AT_ONCE


def test_the_spared_are_never_met() -> None:
    met = {act.victim.name for _, act in acts(7, spared=frozenset({CODEC, "processor", "kafka"}))}
    assert met == set(NAMES) - {"processor-1", "processor-2", "kafka"}


def test_nobody_is_met_while_many_are_still_coming_back() -> None:
    plan = KillPlan(Random(1), SESSION_SECONDS)
    assert plan.next_act(replace(RUNNING, unready=UNREADY_AT_ONCE), 0.0) is None
    assert plan.next_act(replace(RUNNING, unready=UNREADY_AT_ONCE - 1), 0.0) is not None


def test_numbers_of_processes_change_now_and_then_within_those_of_the_start() -> None:
    rescaling = Rescaling(Random(3), Scale(3, 2))
    chosen = [scale for now in range(1800) if (scale := rescaling.next_scale(float(now))) is not None]
    assert 15 <= len(chosen) <= 90
    assert all(one != other for one, other in pairwise(chosen))
    assert {scale.processors for scale in chosen} == {1, 2, 3}
    assert {scale.aggregators for scale in chosen} == {1, 2}


def test_kills_that_are_late_come_faster() -> None:
    pace = Pace(kills=60, seconds=120)
    assert pace.pause(Random(1), done=30, elapsed=60) == 2 * pace.pause(Random(1), done=20, elapsed=60)


def test_after_the_last_kill_that_was_wanted_more_come_at_leisure() -> None:
    pace = Pace(kills=60, seconds=120)
    assert pace.pause(Random(1), done=60, elapsed=120) > 2 * pace.pause(Random(1), done=59, elapsed=118)
