"""What is installed is what the locks name, by hash, and nothing with a hole that is known."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements-services.lock", "requirements.lock", "requirements-dev.lock")
# Older ones have holes that strangers can use.
FLOORS = {"pillow": (12, 3), "starlette": (1, 0), "python-multipart": (0, 0, 31), "httpx2": (2, 16)}


def entries(lock: str) -> list[str]:
    """Each package of a lock with all that is said of it."""
    lines = (ROOT / lock).read_text("utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return [entry for entry in re.split(r"\n(?=\S)", text.strip()) if entry]


def versions(lock: str) -> dict[str, tuple[int, ...]]:
    found = (re.match(r"([a-z0-9-]+)==(\d+(?:\.\d+)*)", entry) for entry in entries(lock))
    return {match[1]: tuple(map(int, match[2].split("."))) for match in found if match}


@pytest.mark.checklist("D3")
@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_is_pinned_with_its_hashes(lock: str) -> None:
    loose = [entry for entry in entries(lock) if not re.match(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==\S+", entry)]
    assert loose == []
    assert not [entry for entry in entries(lock) if "--hash=sha256:" not in entry]


@pytest.mark.checklist("D3")
@pytest.mark.parametrize("package", FLOORS)
@pytest.mark.parametrize("lock", LOCKS)
def test_nothing_is_older_than_its_last_known_hole(lock: str, package: str) -> None:
    assert versions(lock)[package] >= FLOORS[package]


@pytest.mark.checklist("D3")
def test_whoever_installs_asks_for_the_hashes() -> None:
    assert "--require-hashes -r" in (ROOT / "Makefile").read_text("utf-8")
    assert "--require-hashes" in (ROOT / "deploy/Dockerfile").read_text("utf-8")


@pytest.mark.checklist("D3")
def test_the_project_asks_for_versions_exactly() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *(each for more in project["optional-dependencies"].values() for each in more)]
    assert len(asked) > 20
    assert not [each for each in asked if "==" not in each]
