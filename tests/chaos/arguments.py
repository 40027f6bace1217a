"""What a chaos run can be told."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DESCRIPTION = """
Brings up a whole stack of its own, submits catalogues of mixed size to it, and kills, pauses and restarts its processes
while it works. Then the system is left alone until every request has ended, and everything that it left behind is
checked from outside. The last line of the output is a line of JSON with the figures; the exit code is 1 when anything
is wrong, and each finding is said in words.

Chaos lasts until all three are reached: --minutes, --kills and --images. Catalogues are submitted as long as it lasts,
so there may be more images than were asked for. It is called off after three times --minutes.
"""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """One run."""

    seed: int
    minutes: float
    images: int
    kills: int
    largest: int
    outstanding: int
    processors: int
    aggregators: int
    reference: bool
    retries: bool
    spare: frozenset[str]
    settle_minutes: float
    results: Path | None
    keep: bool


def chosen(arguments: Sequence[str] | None = None) -> Chosen:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=DESCRIPTION)
    add = parser.add_argument
    add("--seed", type=int, default=1, help="decides catalogues, failures of the source and victims (default: 1)")
    add("--minutes", type=float, default=5.0, help="least duration of the chaos (default: 5)")
    add("--images", type=int, default=5000, help="least number of images that are submitted (default: 5000)")
    add("--kills", type=int, default=60, help="least number of SIGKILLs; pauses and restarts come on top (default: 60)")
    add("--largest", type=int, default=5000, help="images of the largest catalogue, which comes first (default: 5000)")
    add("--outstanding", type=int, default=3000, help="images under way before more are submitted (default: 3000)")
    add("--processors", type=int, default=2, help="processors (default: 2)")
    add("--aggregators", type=int, default=2, help="processes of the aggregator's stream (default: 2)")
    add("--reference", action="store_true", help="run the same input undisturbed as well, and compare the outputs")
    add("--no-retries", dest="retries", action="store_false", help="a source whose failures all are for ever")
    add("--spare", default="", help="victims to leave alone, by comma: codec, kafka, processor, processor-1, ...")
    add("--settle-minutes", type=float, default=10.0, help="longest wait for the ends of requests (default: 10)")
    add("--results", type=Path, help="folder for logs and findings (default: build/chaos/<seed>-<time>)")
    add("--keep", action="store_true", help="keep the home of the stack, which is stopped, when something is wrong")
    given = vars(parser.parse_args(arguments))
    given["spare"] = frozenset(name.strip() for name in given["spare"].split(",") if name.strip())
    return Chosen(**given)
