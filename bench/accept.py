"""How fast ingest accepts a large CSV: `python -m bench.accept [rows]` prints one line of JSON for each number."""

import argparse
import asyncio
import json

from tests.integration.ingest_place import place_on
from tests.integration.ingest_size import Acceptance, measured
from tests.stack import StackForTests, running_stack


async def _accepted(stack: StackForTests, rows: int) -> Acceptance:
    async with place_on(stack) as place:
        return await measured(place, rows)


def main() -> None:
    """Measure on a stack of its own, each size with a fresh process of ingest."""
    parser = argparse.ArgumentParser(prog="python -m bench.accept", description=__doc__)
    parser.add_argument("rows", nargs="*", type=int, default=[100_000], help="rows of the CSV (default: 100000)")
    chosen = parser.parse_args()
    with running_stack() as stack:
        for rows in chosen.rows:
            print(json.dumps(asyncio.run(_accepted(stack, rows))._asdict()), flush=True)


if __name__ == "__main__":
    main()
