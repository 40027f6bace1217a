"""Every part away for a while, one after another, while images run: `python -m bench.outages`.

Kafka, S3 and Postgres are stopped (SIGSTOP) and go on. Prints a line of JSON for each: how long after its return the
next image was done; and at the end whether any process was restarted and any image failed. Exit code 1 if so.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bench.large_request import LargeRequest
from bench.picture_source import picture_source
from bench.process_memory import with_descendants
from bench.stack import fresh_stack
from deploy.embedded.home import Home
from deploy.embedded.stack_state import read_state
from pixelmill.api_client import ApiClient
from pixelmill.api_refusals import Refused, ServerUnreachable

PARTS: Final = ("kafka", "s3", "postgres")
SETTLE_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.1
LONGEST_RETURN_SECONDS: Final = 120.0
CHUNK_IMAGES: Final = 250
WINDOW: Final = 16


def main() -> int:
    chosen = _arguments()
    with picture_source() as source, fresh_stack() as stack:
        request_id = LargeRequest(chosen.images, CHUNK_IMAGES, WINDOW, source).submit(stack.api)
        return Outages(stack.home, stack.api, request_id).all(chosen.seconds)


@dataclass(frozen=True)
class Outages:
    """Outages beside one request."""

    home: Home
    api: ApiClient
    request_id: str

    def all(self, seconds: float) -> int:
        """Stop each part in turn; returns the exit code."""
        time.sleep(SETTLE_SECONDS)
        before = self._restarts()
        for part in PARTS:
            with self._stopped(part):
                time.sleep(seconds)
            self._tell(part, seconds)
            time.sleep(SETTLE_SECONDS)
        progress = self.api.status(self.request_id).progress
        after = self._restarts()
        restarted = [name for name, count in after.items() if count != before.get(name, 0)]
        report = {"restarted": restarted, "failed": progress.failed, "done": progress.images_done}
        print(json.dumps(report), flush=True)
        return 1 if restarted or progress.failed else 0

    def _tell(self, part: str, seconds: float) -> None:
        returned = time.monotonic()
        done = self._once(self._done)
        while self._once(self._done) <= done and time.monotonic() - returned < LONGEST_RETURN_SECONDS:
            time.sleep(LOOK_SECONDS)
        resumed = round(time.monotonic() - returned, 1)
        print(json.dumps({"part": part, "away_seconds": seconds, "resumed_after_seconds": resumed}), flush=True)

    def _once(self, ask: Callable[[], int]) -> int:
        """The answer, as soon as there is one."""
        returned = time.monotonic()
        while True:
            try:
                return ask()
            except (Refused, ServerUnreachable):
                if time.monotonic() - returned > LONGEST_RETURN_SECONDS:
                    raise
                time.sleep(LOOK_SECONDS)

    def _done(self) -> int:
        return self.api.status(self.request_id).progress.images_done

    def _restarts(self) -> dict[str, int]:
        return {process.name: process.restarts for process in read_state(self.home).processes}

    @contextlib.contextmanager
    def _stopped(self, part: str) -> Iterator[None]:
        (identity,) = (each.identity for each in read_state(self.home).processes if each.name == part)
        assert identity is not None
        stopped = list(with_descendants(identity.pid))
        _signal(stopped, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(stopped, signal.SIGCONT)


def _signal(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.outages", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each part is away (default: 60)")
    parser.add_argument("--images", type=int, default=100_000, help="images of the request beside (default: 100000)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
