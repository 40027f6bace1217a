"""What a stack costs when nothing is to be done: `python -m bench.idle` prints one line of JSON.

An embedded stack comes up in an empty home, and again in the same one. Then, once it is quiet, its CPU time is taken.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from typing import Final

from bench.roles import RoleCosts
from bench.stack import fresh_home, running
from deploy.embedded.home import Home
from deploy.embedded.stack_control import Wanted

LOOK_SECONDS: Final = 5.0
LONGEST_SECONDS: Final = 60.0
# What has just started grows quieter from look to look. A little noise must not keep it waiting.
QUIETER: Final = 0.9


def main() -> int:
    chosen = _arguments()
    with fresh_home() as home:
        cold = up_seconds(home)
        started = time.monotonic()
        with running(home, Wanted()):
            warm = time.monotonic() - started
            until_quiet(home)
            with RoleCosts(home) as costs:
                began = time.monotonic()
                time.sleep(chosen.seconds)
                seconds = time.monotonic() - began
    ups = {"cold_up_seconds": round(cold, 1), "warm_up_seconds": round(warm, 1)}
    print(json.dumps({**ups, "percent_of_one_core": percent(costs.cpu_seconds(), seconds)}), flush=True)
    return 0


def up_seconds(home: Home) -> float:
    """How long it takes until everything is ready."""
    started = time.monotonic()
    with running(home, Wanted()):
        return time.monotonic() - started


def until_quiet(home: Home) -> None:
    """Return when the stack does not grow any quieter, or after a minute."""
    deadline, before = time.monotonic() + LONGEST_SECONDS, float("inf")
    while time.monotonic() < deadline:
        with RoleCosts(home) as costs:
            time.sleep(LOOK_SECONDS)
        now = sum(costs.cpu_seconds().values())
        if now > QUIETER * before:
            return
        before = now


def percent(cpu_seconds: Mapping[str, float], seconds: float) -> dict[str, float]:
    """Shares of one core by role, and of all roles together."""
    shares = {role: 100 * spent / seconds for role, spent in cpu_seconds.items()}
    return {**{role: round(share, 2) for role, share in shares.items()}, "all": round(sum(shares.values()), 2)}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.idle", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to measure (default: 60)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
