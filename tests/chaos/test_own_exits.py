"""Ends that nobody brought about are counted apart."""

from tests.chaos.own_exits import own_exits

LOG = """\
2026-01-02 03:04:05,006 INFO kafka: restarting (killed by SIGKILL)
2026-01-02 03:04:06,006 INFO aggregator-1: restarting (exit code 1)
2026-01-02 03:04:07,006 INFO aggregator-1: crash-looping (exit code 1)
2026-01-02 03:04:08,006 INFO postgres: restarting (exit code 0)
2026-01-02 03:04:09,006 INFO notifier: ready
"""


def test_only_failures_of_a_process_itself_count() -> None:
    assert own_exits(LOG) == {"aggregator-1": 2}
