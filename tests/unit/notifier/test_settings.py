"""What the notifier says about its settings before it starts."""

import os
import subprocess
import sys
from collections.abc import Mapping

from tests.unit.notifier.fakes import MASTER_KEY, SECRET_TEXT


def start(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.notifier", *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_wrong_settings_give_one_line_for_each_problem_and_exit_2() -> None:
    ended = start({"WEBHOOK_SECRET": "whsec_c2hvcnQtc2VjcmV0", "WEBHOOK_SECRETS_KEY": "too short", "HTTP_PORT": "many"})
    assert ended.returncode == 2
    assert [line.split(": ")[:2] for line in ended.stderr.splitlines()] == [
        ["notifier", "HTTP_PORT"],
        ["notifier", "WEBHOOK_SECRET"],
        ["notifier", "WEBHOOK_SECRETS_KEY"],
    ]
    assert "too short" not in ended.stderr
    assert "c2hvcnQtc2VjcmV0" not in ended.stderr


def test_a_network_that_is_none_is_a_wrong_setting() -> None:
    ended = start({"WEBHOOK_SECRET": SECRET_TEXT, "WEBHOOK_SECRETS_KEY": MASTER_KEY, "FETCH_ALLOW_NETWORKS": "here"})
    assert ended.returncode == 2
    assert ended.stderr.startswith("notifier: FETCH_ALLOW_NETWORKS: ")
    assert "Traceback" not in ended.stderr


def test_help_needs_no_settings() -> None:
    assert start({}, "--help").returncode == 0
