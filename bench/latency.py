"""How long a single small picture takes when nothing else is to be done: `python -m bench.latency` prints one line.

Each request has one image, and is submitted when the one before has ended and a random pause is over: whatever polls
has then settled. Time runs until a reader of the completion events has the event in hand.
"""

import argparse
import json
import random
import sys
import time
from typing import Any, Final

from bench.completions import Completions
from bench.figures import quantile
from bench.large_request import LargeRequest
from bench.picture_source import picture_source
from bench.stack import fresh_stack
from bench.stages import SEEN, SUBMITTED, Moments, steps, written
from pixelmill.api_client import ApiClient

WARM_UP: Final = 5
LONGEST_PAUSE_SECONDS: Final = 2.0
GIVE_UP_SECONDS: Final = 60.0


def main() -> int:
    chosen = _arguments()
    with picture_source() as source, fresh_stack() as stack, Completions(stack.settings) as completions:
        singles = Singles(stack.api, completions, source)
        for _ in range(WARM_UP):
            singles.one()
        measured = dict(singles.one() for _ in range(chosen.requests))
        events = written(stack.settings)
    print(json.dumps(report({request: {**events[request], **ours} for request, ours in measured.items()})), flush=True)
    return 0


class Singles:
    """Requests of one image, one at a time."""

    def __init__(self, api: ApiClient, completions: Completions, source: str) -> None:
        self._api = api
        self._completions = completions
        self._request = LargeRequest(1, 1, 1, source)

    def one(self) -> tuple[str, Moments]:
        """The id of a request, when it was submitted and when its completion event was seen."""
        time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
        self._completions.forget()
        submitted = time.time()
        request_id = self._request.submit(self._api)
        if not self._completions.wait_for(1, seconds=GIVE_UP_SECONDS):
            raise SystemExit(f"The request {request_id} did not end within {GIVE_UP_SECONDS:.0f} s.")
        since = time.monotonic() - self._completions.at[request_id]
        return request_id, {SUBMITTED: submitted, SEEN: time.time() - since}


def report(requests: dict[str, Moments]) -> dict[str, Any]:
    """Seconds of whole requests, and median milliseconds of their steps."""
    seconds = sorted(moments[SEEN] - moments[SUBMITTED] for moments in requests.values())
    return {
        "requests": len(seconds),
        "seconds": {"p50": quantile(seconds, 50), "p90": quantile(seconds, 90), "max": round(seconds[-1], 3)},
        "step_ms": steps(requests.values()),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    parser.add_argument("--requests", type=int, default=30, help="requests of one image (default: 30)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
