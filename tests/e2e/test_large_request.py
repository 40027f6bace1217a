"""`make large`, with fewer images: the window is kept, every image comes back, and no service grows."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGES = 5_000
CHUNK_SIZE = 50
SECONDS = 400

pytestmark = pytest.mark.stack


def test_a_large_request_keeps_its_window_and_comes_back_complete() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bench.large", "--images", str(IMAGES), "--chunk-size", str(CHUNK_SIZE)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads(ended.stdout)
    assert report["broken"] == []
    assert report["images"] == IMAGES
    released = report["released_unfinished"]
    assert released["max"] <= released["bound"]
    assert released["max_in_chunks_not_advanced"] <= released["window_x_chunk_size"] == 16 * CHUNK_SIZE
    assert {"ingest", "processor-1", "aggregator-1", "aggregator"} <= report["memory_mb"].keys()
