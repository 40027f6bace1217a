from deploy.embedded.restart_policy import LONGEST_PAUSE_SECONDS, STABLE_SECONDS, RestartPolicy


def test_pauses_grow_and_stay_bounded() -> None:
    policy = RestartPolicy()
    pauses = [policy.ended(0.0) for _ in range(12)]
    assert pauses[0] < 0.5
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_the_fourth_end_in_a_row_is_a_crash_loop() -> None:
    policy = RestartPolicy()
    loops = []
    for _ in range(4):
        policy.ended(1.0)
        loops.append(policy.is_looping)
    assert loops == [False, False, False, True]


def test_a_long_run_clears_the_record() -> None:
    policy = RestartPolicy()
    for _ in range(6):
        policy.ended(0.0)
    first_pause = RestartPolicy().ended(0.0)
    assert policy.ended(STABLE_SECONDS) == first_pause
    assert not policy.is_looping
