"""Files that the command reads and writes for its user."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pixelmill.reporting import Unusable

STANDARD_OUTPUT = Path("-")


def check_readable(path: Path) -> None:
    """Raise `Unusable` unless `path` is a file that can be read."""
    if path.is_dir():
        raise Unusable(f"{path} is a folder, not a CSV file.")
    try:
        path.open("rb").close()
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}.") from error


def check_writable(path: Path) -> None:
    """Raise `Unusable` unless a file may come to be at `path`: better now than after a long wait."""
    if path == STANDARD_OUTPUT:
        return
    if path.is_dir():
        raise Unusable(f"{path} is a folder; name a file.")
    if not path.parent.is_dir():
        raise Unusable(f"{path} cannot be written: there is no folder {path.parent}.")
    if not os.access(path.parent, os.W_OK):
        raise Unusable(f"{path} cannot be written: the folder {path.parent} does not allow it.")


@contextmanager
def saving(path: Path) -> Iterator[IO[bytes]]:
    """Write a file whole or not at all; what was there before is replaced at the end. `-` is standard output."""
    if path == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
