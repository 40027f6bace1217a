"""`make large`: one large request through the whole system, with processors that copy pictures.

Everything but the codec is real. While the request runs, it is watched that no more images are released than the
window allows, and that no process grows. Prints one line of JSON; exit code 1 when a bound is broken or anything is
not complete.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bench.large_request import LargeRequest, Watch, begun, follow
from bench.picture_source import picture_source
from bench.process_cpu import ProcessCpu
from bench.process_memory import MemoryCourses
from bench.release_window import ReleaseWindow
from bench.small_requests import SmallRequests
from bench.stack import client_of, running
from deploy.embedded.home import Home
from deploy.embedded.stack_control import Wanted
from pixelmill.api_client import ApiClient

BEGUN: Final = "large.json"
SERVICES: Final = "bench.copying_services:copying_services"
SMALL_EVERY_SECONDS: Final = 10.0
GROWTH_BYTES: Final = 64_000_000
"""A service that has warmed up may still grow by this much, which no number of images may change."""


def main() -> int:
    chosen = _arguments()
    home = Home(chosen.home or Path(tempfile.mkdtemp(prefix="pixelmill-large-")))
    home.create()
    try:
        report = ran(home, chosen)
    finally:
        if chosen.home is None:
            shutil.rmtree(home.path)
    print(json.dumps(report))
    return 1 if report["broken"] else 0


def ran(home: Home, chosen: argparse.Namespace) -> dict[str, Any]:
    """Begin a request, or go on with the one that an interrupted run left in this home."""
    begun_before = begun(home.path / BEGUN)
    port = urlsplit(begun_before[1].source).port if begun_before else None
    with (
        # The source outlives the stack at both ends: no image fails because there is none.
        picture_source(port or 0) as source,
        running(home, stack_of(chosen), **settings_of(chosen)) as settings,
        client_of(settings) as api,
    ):
        small = SmallRequests(api, source) if chosen.small_requests else None
        run = LargeRun(home, settings, api, small)
        report = asyncio.run(run.measured(LargeRequest.of(chosen, source), begun_before))
    (home.path / BEGUN).unlink()
    return report


@dataclass(frozen=True)
class LargeRun:
    """One request on one stack."""

    home: Home
    settings: Mapping[str, str]
    api: ApiClient
    small: SmallRequests | None

    async def measured(self, wanted: LargeRequest, begun_before: tuple[str, LargeRequest] | None) -> dict[str, Any]:
        """Submit the request, or go on with the one that was begun before; watch it to its end, and judge."""
        if self.small is not None:
            await self.small.on_idle()
        cpu = ProcessCpu(self.home)
        cpu.look()
        started = time.monotonic()
        request_id, wanted = begun_before or await self._submitted(wanted)
        done_before = (await asyncio.to_thread(self.api.status, request_id)).progress.images_done
        accept_seconds = time.monotonic() - started
        watch = Watch(
            ReleaseWindow(wanted.shape(request_id)), MemoryCourses(self.home), cpu, self.settings["DATABASE_URL"]
        )
        async with beside(self.small):
            status = await follow(self.api, request_id, watch)
        seconds, images = time.monotonic() - started, wanted.images - done_before
        has_ended = status is not None and status.is_spotless
        missing = (
            await asyncio.to_thread(wanted.missing_in_output, self.api, request_id) if has_ended else wanted.images
        )
        return {
            "images": wanted.images,
            "of_them_before_this_run": done_before,
            "seconds": round(seconds, 1),
            "accept_seconds": round(accept_seconds, 1),
            "images_per_second": round(images / seconds, 1),
            "cpu_ms_per_image": cpu.per_image_ms(images),
            "small_requests": None if self.small is None else self.small.report(),
            "released_unfinished": watch.window.report(),
            "memory_mb": watch.memory.report(),
            "broken": broken(watch, has_ended=has_ended, missing=missing),
        }

    async def _submitted(self, wanted: LargeRequest) -> tuple[str, LargeRequest]:
        request_id = await asyncio.to_thread(wanted.submit, self.api)
        wanted.saved(self.home.path / BEGUN, request_id)
        return request_id, wanted


def broken(watch: Watch, *, has_ended: bool, missing: int) -> list[str]:
    """What did not hold, in words."""
    grown = watch.memory.grown(GROWTH_BYTES)
    found = {
        "not every image succeeded": not has_ended,
        "output.csv is not complete": has_ended and missing > 0,
        "the window was not kept": not watch.window.is_kept,
        f"grew by more than {GROWTH_BYTES} bytes: {', '.join(grown)}": bool(grown),
    }
    return [what for what, is_broken in found.items() if is_broken]


@asynccontextmanager
async def beside(small: SmallRequests | None) -> AsyncIterator[None]:
    """Small requests now and then while the block runs, if they are wanted."""
    if small is None:
        yield
        return
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(small.beside_others(stop, every_seconds=SMALL_EVERY_SECONDS))
        yield
        stop.set()


def settings_of(chosen: argparse.Namespace) -> dict[str, str]:
    """Settings of the services."""
    return {"CHUNK_SIZE": str(chosen.chunk_size), "WINDOW_CHUNKS": str(chosen.window)}


def stack_of(chosen: argparse.Namespace) -> Wanted:
    """Processes of the stack."""
    return Wanted(chosen.processors, chosen.aggregators, supervisor_options=("--services", SERVICES))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.large", description=__doc__)
    parser.add_argument("--images", type=int, default=100_000, help="images of the request (default: 100000)")
    parser.add_argument("--chunk-size", type=int, default=250, help="images in one chunk (default: 250)")
    parser.add_argument("--window", type=int, default=16, help="chunks released ahead (default: 16)")
    parser.add_argument("--processors", type=int, default=1, help="copying processors (default: 1)")
    parser.add_argument("--aggregators", type=int, default=1, help="processes of the stream (default: 1)")
    parser.add_argument(
        "--home",
        type=Path,
        help="where the stack lives; with it, a run that was interrupted goes on when it is repeated",
    )
    parser.add_argument(
        "--small-requests", action="store_true", help="time requests of 10 images too, on the idle system and beside"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
