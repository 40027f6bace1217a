"""`python -m tests.pictures.hostile FOLDER`: all files of a folder, through a real processor, as if they were pictures.

Kafka and S3 are started in a temporary home. Good pictures are sent in between. The last line is JSON; the exit code is
1 when a file had no result or several, a good picture failed, the processor died, or its memory went above the limit.
The Tests/images folder of Pillow's source package is what this is for.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.process_memory import MEGABYTE
from tests.integration.processor_place import place_on
from tests.pictures.hostile_run import Promises, run, served
from tests.stack import StackForTests, running_stack


def main() -> int:
    """Run and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.pictures.hostile", description=__doc__)
    add = parser.add_argument
    add("folder", type=Path, help="the files, in folders below it too")
    add("--deadline", type=float, default=120.0, help="seconds in which each picture has its result (default: 120)")
    add("--memory-mb", type=int, default=2000, help="most that the processor takes, in MB (default: 2000)")
    chosen = parser.parse_args()
    files = sorted(path for path in chosen.folder.rglob("*") if path.is_file())
    pictures = {str(path.relative_to(chosen.folder)): path.read_bytes() for path in files}
    promises = Promises(deadline_seconds=chosen.deadline, memory_bytes=chosen.memory_mb * MEGABYTE)
    with running_stack() as stack, tempfile.TemporaryDirectory() as home:
        summary = asyncio.run(judged(stack, Path(home), pictures, promises))
    print(json.dumps(summary))
    return 1 if summary["broken"] or not pictures else 0


async def judged(
    stack: StackForTests, home: Path, pictures: Mapping[str, bytes], promises: Promises, **settings: str
) -> dict[str, Any]:
    """Send all pictures, by name, through a processor with these settings."""
    pages, paths = served(pictures)
    async with place_on(stack, home, pages, **settings) as place:
        return (await run(place, paths, promises)).summary()


if __name__ == "__main__":
    sys.exit(main())
