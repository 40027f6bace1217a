"""`make chaos`, small: a few kills over a few hundred images, and everything is there, once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 900

pytestmark = pytest.mark.stack


def test_a_small_run_loses_nothing_doubles_nothing_and_leaves_nothing_hanging(tmp_path: Path) -> None:
    results = tmp_path / "results"
    ended = subprocess.run(
        [
            sys.executable, "-m", "tests.chaos", "--seed", "8", "--images", "300", "--largest", "150",
            "--outstanding", "300", "--minutes", "0.4", "--kills", "8", "--results", str(results),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )  # fmt: skip
    acts = (results / "actions.jsonl").read_text("utf-8")
    assert ended.returncode == 0, ended.stdout + ended.stderr + acts
    figures = json.loads(ended.stdout.splitlines()[-1])
    assert figures["images"] >= 300
    assert figures["kills"] >= 8
    assert (figures["lost"], figures["doubled"], figures["hanging"]) == (0, 0, 0)
    assert figures["wrong"] == {}
    assert len(acts.splitlines()) == sum(figures["by_deed"].values())
    assert not list(results.glob("*-logs"))
