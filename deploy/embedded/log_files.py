"""Log files of bounded size: read from their end, cut while their program goes on writing."""

import os
import shutil
from collections import deque
from collections.abc import Iterator
from pathlib import Path

LARGEST_BYTES = 20 * 1024 * 1024
TAIL_BYTES = 256 * 1024


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a log, oldest first; none when there is no log."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - max(TAIL_BYTES, count * 200)))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return list(deque(text.splitlines(), maxlen=count))


def follow(path: Path, seek_end: bool = True) -> Iterator[str]:
    """What is appended to a log, piece by piece; an empty piece when there is nothing new. Sees that it was cut."""
    with path.open("r", encoding="utf-8", errors="replace") as file:
        if seek_end:
            file.seek(0, os.SEEK_END)
        while True:
            if path.stat().st_size < file.tell():
                file.seek(0)
            yield file.read()


def cut_if_large(path: Path, largest_bytes: int = LARGEST_BYTES) -> bool:
    """Move a large log's content to `<name>.1` and empty it. Its program appends, so it goes on at the start.

    What is written between the copy and the cut is lost: a few lines of a log, rarely.
    """
    if not path.exists() or path.stat().st_size < largest_bytes:
        return False
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    os.truncate(path, 0)
    return True
