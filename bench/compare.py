"""`make bench-compare PEER=DIR`: this system and another one, turn by turn, and the ratio of their medians.

The other one is the peer in `--peer DIR` (its `run.js`), or another checkout of this project in `--checkout DIR`. What
one run says about a machine means little; runs that alternate share the machine's good and bad minutes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

PROGRAM: Final = (sys.executable, "-m", "bench")
PEER_CONCURRENCY: Final = 5
"""Of the field's usual build."""
SETS_OF_PEER: Final = {"product": "product", "mixed": "all"}

Figures = Mapping[str, float]


def main() -> int:
    chosen = _arguments()
    ours: list[Figures] = []
    others: list[Figures] = []
    for turn in range(chosen.rounds):
        others.append(_other(chosen))
        ours.append(_figures(_run(_own_command(chosen), Path.cwd())))
        print(json.dumps({"round": turn + 1, "ours": ours[-1], "other": others[-1]}), file=sys.stderr, flush=True)
    report = {
        "images": chosen.images,
        "set": chosen.set,
        "mode": chosen.mode,
        "rounds": chosen.rounds,
        "ours": medians(ours),
        "other": medians(others),
        "ratio": ratios(medians(ours), medians(others)),
    }
    print(json.dumps(report), flush=True)
    return 0


def medians(runs: Sequence[Figures]) -> dict[str, float]:
    """The median of each figure."""
    return {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}


def ratios(ours: Figures, other: Figures) -> dict[str, float]:
    """Each figure of ours divided by that of the other."""
    return {name: round(ours[name] / other[name], 3) for name in ours if other[name]}


def _other(chosen: argparse.Namespace) -> Figures:
    if chosen.checkout is not None:
        return _figures(_run(_own_command(chosen), chosen.checkout))
    options = ("--images", str(chosen.images), "--set", SETS_OF_PEER[chosen.set], "--mode", chosen.mode)
    command = ("node", "run.js", "--concurrency", str(PEER_CONCURRENCY), *options)
    said = _run(command, chosen.peer, PEER_CORPUS=str(chosen.corpus.resolve()))
    return {
        "images_per_second": said["img_s"],
        "cpu_ms_per_image": said["cpu_ms_img"],
        "megabytes_out": said["out_mb"],
        "failed": said["failed"],
        "memory_mb": said["worker_peak_rss_mb"] * 1.048576,
    }


def _own_command(chosen: argparse.Namespace) -> tuple[str, ...]:
    corpus = () if chosen.corpus is None else ("--corpus", str(chosen.corpus.resolve()))
    options = ("--images", str(chosen.images), "--set", chosen.set, "--mode", chosen.mode)
    return (*PROGRAM, *options, *corpus)


def _figures(said: Mapping[str, Any]) -> Figures:
    return {
        "images_per_second": said["images_per_second"],
        "cpu_ms_per_image": said["cpu_ms_per_image"]["all"],
        "megabytes_out": said["bytes"]["out"] / 1e6,
        "failed": sum(said["failed"].values()),
        "memory_mb": said["memory_mb"]["processor"],
    }


def _run(command: Sequence[str], folder: Path, **environment: str) -> dict[str, Any]:
    ended = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=False
    )
    if ended.returncode != 0:
        raise SystemExit(f"{' '.join(command)} in {folder} ended with {ended.returncode}.")
    said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return said


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    other = parser.add_mutually_exclusive_group(required=True)
    other.add_argument("--peer", type=Path, help="folder in which the peer's run.js and its packages are")
    other.add_argument("--checkout", type=Path, help="another checkout of this project")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each (default: 5)")
    parser.add_argument("--images", type=int, default=600, help="images of each run (default: 600)")
    parser.add_argument("--set", choices=["product", "mixed"], default="product", help="product: up to 2.2 megapixels")
    parser.add_argument("--mode", choices=["keep", "jpeg"], default="jpeg", help="formats of the copies")
    parser.add_argument("--corpus", type=Path, help="folder of pictures; the peer wants a manifest.json in it")
    chosen = parser.parse_args()
    if chosen.peer is not None and chosen.corpus is None:
        parser.error("--peer needs --corpus, a folder of pictures with the peer's manifest.json")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
