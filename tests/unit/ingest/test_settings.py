"""Ingest's settings and its command line."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from pydantic import ValidationError

from services.ingest.settings import IngestSettings


def start(*roles: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.ingest", *roles]
    environment = {"PATH": os.environ["PATH"], **settings}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = IngestSettings.model_construct()
    assert (settings.chunk_size, settings.window_chunks, settings.auth) == (250, 16, "required")
    assert (settings.max_upload_bytes, settings.max_images_per_request) == (200_000_000, 1_000_000)
    assert settings.limits().deadline == timedelta(days=1)


@pytest.mark.parametrize("name", ["chunk_size", "window_chunks", "max_upload_bytes", "uploads_at_once"])
def test_measures_have_bounds(name: str) -> None:
    with pytest.raises(ValidationError):
        IngestSettings.model_validate({name: 0})


def test_wrong_settings_are_told_in_a_line_each() -> None:
    ended = start("api", "planner", CHUNK_SIZE="none", AUTH="maybe")
    assert ended.returncode == 2
    assert sorted(line.split(": ")[1] for line in ended.stderr.splitlines()) == ["AUTH", "CHUNK_SIZE"]


def test_an_unknown_role_is_refused_and_the_known_ones_are_named() -> None:
    ended = start("cook")
    assert ended.returncode == 2
    assert "'api', 'planner'" in ended.stderr
