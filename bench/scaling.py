"""How the work grows with the number of processors: `python -m bench.scaling` prints one line of JSON.

The codec sleeps instead of working, so that the cores of the machine are not what limits: each processor can do 40
pictures in a second, whatever the others do. Everything else is real. One stack is scaled up from count to count.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bench.completions import Completions
from bench.large import SERVICES
from bench.large_request import LargeRequest
from bench.picture_source import picture_source
from bench.roles import RoleCosts
from bench.stack import fresh_stack
from deploy.embedded.home import Home
from deploy.embedded.stack_control import Wanted, living_supervisor, rescale, wait_until_up
from pixelmill.api_client import ApiClient

SLEEP_MS: Final = 200
SLOTS: Final = 8
SETTINGS: Final = {"BENCH_CODEC_SLEEP_MS": str(SLEEP_MS), "IMAGES_IN_FLIGHT": str(SLOTS)}
CHUNK_IMAGES: Final = 250
WINDOW_CHUNKS: Final = 16
WARM_UP_IMAGES: Final = 8 * SLOTS
LONGEST_SECONDS: Final = 600.0


def main() -> int:
    chosen = _arguments()
    with (
        picture_source() as source,
        fresh_stack(stack_of(min(chosen.processors)), **SETTINGS) as stack,
        Completions(stack.settings) as completions,
    ):
        growing = Growing(stack.home, stack.api, completions, source)
        measured = {count: growing.with_processors(count, chosen.images) for count in sorted(chosen.processors)}
    print(json.dumps(report(measured)), flush=True)
    return 0


@dataclass(frozen=True)
class Growing:
    """A stack with more and more processors."""

    home: Home
    api: ApiClient
    completions: Completions
    source: str

    def with_processors(self, count: int, images_each: int) -> dict[str, float]:
        """Images per second and CPU time per image of one request, when so many processors share it."""
        rescale(self.home, stack_of(count))
        wait_until_up(self.home, living_supervisor(self.home), lambda _state: None)
        self._seconds(count * WARM_UP_IMAGES)
        images = count * images_each
        with RoleCosts(self.home) as costs:
            seconds = self._seconds(images)
        return {"images_per_second": round(images / seconds, 1), "cpu_ms_per_image": costs.cpu_ms(images)["all"]}

    def _seconds(self, images: int) -> float:
        """From the submission of a request to its completion event."""
        self.completions.forget()
        started = time.monotonic()
        request_id = LargeRequest(images, CHUNK_IMAGES, WINDOW_CHUNKS, self.source).submit(self.api)
        if not self.completions.wait_for(1, seconds=LONGEST_SECONDS):
            raise SystemExit(f"The request {request_id} did not end within {LONGEST_SECONDS:.0f} s.")
        return self.completions.at[request_id] - started


def report(measured: Mapping[int, Mapping[str, float]]) -> dict[str, Any]:
    """The figures by number of processors, and how many times the work of the smallest number each does."""
    fewest = measured[min(measured)]["images_per_second"]
    return {
        "sleep_ms": SLEEP_MS,
        "slots": SLOTS,
        "processors": {
            str(count): {**figures, "times": round(figures["images_per_second"] / fewest, 2)}
            for count, figures in measured.items()
        },
    }


def stack_of(processors: int) -> Wanted:
    """Processes of the stack."""
    return Wanted(processors, supervisor_options=("--services", SERVICES))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    parser.add_argument(
        "--processors", type=int, nargs="+", default=[1, 2, 4], help="numbers of processors (default: 1 2 4)"
    )
    parser.add_argument("--images", type=int, default=600, help="images for each of the processors (default: 600)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
