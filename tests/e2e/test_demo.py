"""`python -m examples.demo` from nothing to the page, in a home of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.embedded.home import Home
from deploy.embedded.stack_state import read_state
from examples.demo_catalogue import EXPECTED_FAILURES, read_slots

ROOT = Path(__file__).resolve().parents[2]
DEMO_SECONDS = 240

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo ran, once for all tests here."""
    folder = tmp_path_factory.mktemp("demo")
    environment = {name: value for name, value in os.environ.items() if name != "KEEP"}
    ended = subprocess.run(
        [sys.executable, "-m", "examples.demo"],
        cwd=folder,
        env={**environment, "PIXELMILL_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=DEMO_SECONDS,
        check=False,
    )
    (folder / "output.txt").write_text(ended.stdout, "utf-8")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


def test_the_broken_slots_fail_with_their_codes_and_all_others_succeed(folder: Path) -> None:
    slots = read_slots(folder / "demo-out/output.csv")
    assert len(slots) == 20
    assert sorted(slot.status for slot in slots if not slot.succeeded) == sorted(EXPECTED_FAILURES.values())
    assert len((folder / "demo-out/failures.csv").read_text("utf-8").splitlines()) == 1 + len(EXPECTED_FAILURES)


def test_the_page_shows_pictures_that_lie_beside_it(folder: Path) -> None:
    page = (folder / "demo-out/index.html").read_text("utf-8")
    sources = re.findall(r'<img src="([^"]+)"', page)
    assert len(sources) == 2 * 18
    for source in sources:
        assert (folder / "demo-out" / source).stat().st_size > 0
    assert page.index("http_404") < page.index("<img")


def test_failures_are_told_before_what_was_saved_and_the_webhook_is_verified(folder: Path) -> None:
    text = (folder / "output.txt").read_text("utf-8")
    assert text.index("2 of 20 images failed") < text.index("saved")
    assert "its signature fits" in text


def test_nothing_is_left_running(folder: Path) -> None:
    state = read_state(Home(folder / "home"))
    assert not state.is_running
    assert not [identity for identity in state.identities() if identity.is_alive()]
