"""What the idle and the latency benchmark make of what they saw."""

from bench.idle import percent
from bench.latency import report
from bench.stages import SEEN, STAGES, SUBMITTED, Moments, steps


def course(*, began: float, step_seconds: float) -> Moments:
    """A request that takes the same time for each step."""
    return {stage: began + number * step_seconds for number, stage in enumerate(STAGES)}


def test_shares_of_a_core_are_by_role_and_add_up() -> None:
    assert percent({"kafka": 1.5, "s3": 0.25}, 50.0) == {"kafka": 3.0, "s3": 0.5, "all": 3.5}


def test_every_step_has_the_median_of_its_own_time() -> None:
    courses = [course(began=began, step_seconds=seconds) for began, seconds in ((0, 0.01), (50, 0.02), (9, 0.5))]
    assert steps(courses) == dict.fromkeys(STAGES[1:], 20.0)


def test_a_step_that_takes_longer_is_seen_under_the_stage_that_it_leads_to() -> None:
    slow = course(began=0, step_seconds=0.01)
    late = {stage: at + 0.2 * (STAGES.index(stage) >= STAGES.index("chunk.completed")) for stage, at in slow.items()}
    assert steps([late]) == {**dict.fromkeys(STAGES[1:], 10.0), "chunk.completed": 210.0}


def test_a_request_takes_from_its_submission_to_the_event_in_a_readers_hand() -> None:
    requests = {str(number): {**course(began=0, step_seconds=1), SUBMITTED: -number, SEEN: 10} for number in range(11)}
    measured = report(requests)
    assert measured["requests"] == 11
    assert measured["seconds"] == {"p50": 15.0, "p90": 19.0, "max": 20}
