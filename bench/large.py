"""`make large`: one large request through the whole system, with processors that copy pictures.

Everything but the codec is real. While the request runs, it is watched that no more images are released than the
window allows, and that no process grows. Prints one line of JSON; exit code 1 when a bound is broken or anything is
not complete.
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.large_request import LargeRequest, Watch, follow
from bench.picture_source import picture_source
from bench.process_memory import MemoryCourses
from bench.release_window import ReleaseWindow
from deploy.embedded.home import Home
from deploy.embedded.stack_control import Wanted, bring_down, launch, wait_until_up
from pixelmill.api_client import ApiClient
from pixelmill.server_addresses import servers

SERVICES: Final = "bench.copying_services:copying_services"
GROWTH_BYTES: Final = 64_000_000
"""A service that has warmed up may still grow by this much, which no number of images may change."""


def main() -> int:
    chosen = _arguments()
    with (
        running(chosen) as (home, settings),
        picture_source() as source,
        ApiClient(servers({}, lambda: settings)) as api,
    ):
        report = asyncio.run(measured(LargeRequest.of(chosen, source), home, settings, api))
    print(json.dumps(report))
    return 1 if report["broken"] else 0


async def measured(wanted: LargeRequest, home: Home, settings: Mapping[str, str], api: ApiClient) -> dict[str, Any]:
    """Submit the request, watch it to its end, and judge."""
    started = time.monotonic()
    accepted = await asyncio.to_thread(wanted.submit, api)
    accept_seconds = time.monotonic() - started
    window, memory = ReleaseWindow(wanted.shape(accepted)), MemoryCourses(home)
    status = await follow(api, accepted, Watch(window, memory, settings["DATABASE_URL"]))
    seconds = time.monotonic() - started
    has_ended = status is not None and status.is_spotless
    broken = {
        "not every image succeeded": not has_ended,
        "output.csv is not complete": has_ended
        and await asyncio.to_thread(wanted.missing_in_output, api, accepted) > 0,
        "the window was not kept": not window.is_kept,
        f"grew by more than {GROWTH_BYTES} bytes: {', '.join(memory.grown(GROWTH_BYTES))}": memory.grown(GROWTH_BYTES),
    }
    return {
        "images": wanted.images,
        "seconds": round(seconds, 1),
        "accept_seconds": round(accept_seconds, 1),
        "images_per_second": round(wanted.images / seconds, 1),
        "released_unfinished": window.report(),
        "memory_mb": memory.report(),
        "broken": [what for what, is_broken in broken.items() if is_broken],
    }


@contextmanager
def running(chosen: argparse.Namespace) -> Iterator[tuple[Home, Mapping[str, str]]]:
    """A stack of its own in a temporary home; gives its settings."""
    home = Home(Path(tempfile.mkdtemp(prefix="pixelmill-large-")))
    home.create()
    wanted = Wanted(chosen.processors, chosen.aggregators, supervisor_options=("--services", SERVICES))
    environment = {
        **os.environ,
        "PIXELMILL_HOME": str(home.path),
        "FETCH_ALLOW_NETWORKS": "127.0.0.0/8",
        # All pictures come from one host here, which no real catalogue does.
        "FETCH_PER_HOST": "64",
        "CHUNK_SIZE": str(chosen.chunk_size),
        "WINDOW_CHUNKS": str(chosen.window),
    }
    try:
        state = wait_until_up(home, launch(home, wanted, environment), lambda _state: None)
        yield home, state.settings
    finally:
        bring_down(home)
        shutil.rmtree(home.path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.large", description=__doc__)
    parser.add_argument("--images", type=int, default=100_000, help="images of the request (default: 100000)")
    parser.add_argument("--chunk-size", type=int, default=250, help="images in one chunk (default: 250)")
    parser.add_argument("--window", type=int, default=16, help="chunks released ahead (default: 16)")
    parser.add_argument("--processors", type=int, default=1, help="copying processors (default: 1)")
    parser.add_argument("--aggregators", type=int, default=1, help="processes of the stream (default: 1)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
