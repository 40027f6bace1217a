"""`make bench`: pictures through the whole system, and what they cost. Prints one line of JSON.

It starts an embedded stack, serves a folder of pictures, and submits them in requests of 60. Time runs from the first
submission to the last completion event. Nothing fails because a machine is slow.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.completions import Completions
from bench.figures import quantile
from bench.folder_source import Source, folder_source
from bench.pictures import Pictures
from bench.roles import RoleCosts
from bench.stack import FreshStack, fresh_stack
from bench.submission import submit_pictures
from deploy.embedded.stack_control import Wanted

REQUEST_IMAGES: Final = 60
LONGEST_SECONDS: Final = 3600.0


def main() -> int:
    chosen = _arguments()
    pictures = Pictures.of(chosen.corpus, chosen.set)
    with (
        folder_source(pictures.folder) as source,
        fresh_stack(Wanted(chosen.processors), **settings_of(chosen)) as stack,
        Completions(stack.settings) as completions,
    ):
        report = Run(stack, source, completions, pictures, options_of(chosen)).measured(chosen.images)
    print(json.dumps({"set": chosen.set, "mode": chosen.mode, "processors": chosen.processors, **report}), flush=True)
    return 0


@dataclass
class Run:
    """Requests on one stack."""

    stack: FreshStack
    source: Source
    completions: Completions
    pictures: Pictures
    options: Mapping[str, str]
    submitted: dict[str, float] = field(default_factory=dict)

    def measured(self, images: int) -> dict[str, Any]:
        """Warm up with one request, then measure."""
        self._through(min(images, REQUEST_IMAGES))
        self.submitted.clear()
        self.completions.forget()
        with RoleCosts(self.stack.home, self.source.pid) as costs:
            self._through(images)
        return {**self._report(images), "cpu_ms_per_image": costs.cpu_ms(images), "memory_mb": costs.memory_mb()}

    def _through(self, images: int) -> None:
        """Submit so many images, and wait until all of their requests have ended."""
        for rows in requests_of(images):
            started = time.monotonic()
            accepted = submit_pictures(self.stack.api, map(self._url, rows), self.options)
            self.submitted[accepted.request_id] = started
        if not self.completions.wait_for(len(self.submitted), seconds=LONGEST_SECONDS):
            raise SystemExit(f"The requests did not end within {LONGEST_SECONDS:.0f} s.")

    def _url(self, number: int) -> str:
        # Each image has a URL of its own: a chunk asks for one URL only once.
        return f"{self.source.address}/{self.pictures.name(number)}?{number}"

    def _report(self, images: int) -> dict[str, Any]:
        ended, events = self.completions.at, self.completions.events
        seconds = max(ended.values()) - min(self.submitted.values())
        latencies = sorted(ended[request] - started for request, started in self.submitted.items())
        failures = sum((Counter(event["failures_by_code"]) for event in events), Counter[str]())
        return {
            "images": images,
            "pictures": len(self.pictures.names),
            "seconds": round(seconds, 3),
            "images_per_second": round(images / seconds, 2),
            "request_seconds": {"p50": quantile(latencies, 50), "p99": quantile(latencies, 99)},
            "bytes": {way: sum(event["bytes"][way] for event in events) for way in ("in", "out")},
            "failed": dict(failures),
        }


def requests_of(images: int) -> Iterator[range]:
    """The numbers of the images of each request."""
    return (range(first, min(first + REQUEST_IMAGES, images)) for first in range(0, images, REQUEST_IMAGES))


def options_of(chosen: argparse.Namespace) -> dict[str, str]:
    """Options of every request."""
    return {"quality": "50", "format": chosen.mode}


def settings_of(chosen: argparse.Namespace) -> dict[str, str]:
    """Settings of the services."""
    return {"CODEC_PROCESSES": str(chosen.codec_processes)} if chosen.codec_processes else {}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--images", type=int, default=600, help="images in all (default: 600)")
    parser.add_argument("--set", choices=["product", "mixed"], default="product", help="product: up to 2.2 megapixels")
    parser.add_argument("--mode", choices=["keep", "jpeg"], default="jpeg", help="formats of the copies")
    parser.add_argument("--processors", type=int, default=1, help="processors (default: 1)")
    parser.add_argument("--codec-processes", type=int, help="codec processes of each processor (default: the cores)")
    parser.add_argument("--corpus", type=Path, help="folder of pictures (default: those of the examples)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
