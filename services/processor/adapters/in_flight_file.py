"""What a process has in hand, written where it outlives the process: a file that it maps and holds a lock on.

The kernel keeps what was written to the mapping when the process is killed, and lets go of its lock. So nothing has to
be flushed, and whoever gets the lock knows that the owner is dead. It does not outlive the machine, and need not:
whoever was in flight when a machine lost its power was not the reason.
"""

import fcntl
import mmap
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NewType
from uuid import uuid4

Place = NewType("Place", int)

_SLOT_BYTES: Final = 512
_TAKEN: Final = b"\1"
_FREE: Final = b"\0"
_NEW: Final = ".new"
# A new file gets its owner's lock and its name within milliseconds, or never.
_NEW_SECONDS: Final = 60.0
# More than any processor has places.
_MOST_BYTES: Final = 4096 * _SLOT_BYTES


class InFlightFile:
    """One line in each slot that is taken. Raises `OSError` when it cannot be made."""

    def __init__(self, folder: Path, *, slots: int) -> None:
        self._path = folder / uuid4().hex
        unlocked = self._path.with_suffix(_NEW)
        size = slots * _SLOT_BYTES
        self._file = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A mapping of blocks that a full disk does not have would be the death of this process.
            os.posix_fallocate(self._file, 0, size)
            self._slots = mmap.mmap(self._file, size)
            unlocked.rename(self._path)
        except OSError:
            os.close(self._file)
            unlocked.unlink(missing_ok=True)
            raise
        self._free = [Place(start) for start in range(0, size, _SLOT_BYTES)]
        self._places = slots

    @property
    def is_full(self) -> bool:
        return not self._free

    def take(self, line: str) -> Place:
        """Write a line; it stays until its place is freed."""
        content = line.encode()
        assert len(content) < _SLOT_BYTES, "a line fits a slot"
        place = self._free.pop()
        self._slots[place + 1 : place + _SLOT_BYTES] = content.ljust(_SLOT_BYTES - 1, b"\0")
        # The mark comes last: a line that was not written whole does not count.
        self._slots[place : place + 1] = _TAKEN
        return place

    def free(self, place: Place) -> None:
        self._slots[place : place + 1] = _FREE
        self._free.append(place)

    def close(self) -> None:
        """Let go of the file. It goes, unless a line stays in it: that is for whoever comes next."""
        if len(self._free) == self._places:
            self._path.unlink(missing_ok=True)
        self._slots.close()
        os.close(self._file)


@contextmanager
def lines_left_in(path: Path) -> Iterator[list[str] | None]:
    """Hold a file whose owner is dead, and give its lines; None for one that is gone, not finished or in use.

    Raises `OSError` for what no processor can have left there. What is damaged is a line that says nothing sensible.
    """
    with ExitStack() as held:
        file = _opened(path)
        if file is not None:
            held.callback(os.close, file)
        yield None if file is None else _read(file)


def _opened(path: Path) -> int | None:
    """Return the descriptor of a file that nobody else holds."""
    try:
        if path.suffix == _NEW and time.time() - path.stat().st_mtime < _NEW_SECONDS:
            return None
        # What is no file might never answer.
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def _read(file: int) -> list[str]:
    """Read what was opened: its name may be gone, or be another's by now."""
    content = os.pread(file, _MOST_BYTES, 0)
    slots = (content[start : start + _SLOT_BYTES] for start in range(0, len(content), _SLOT_BYTES))
    lines = [slot[1:].rstrip(b"\0").decode(errors="replace") for slot in slots if slot[:1] == _TAKEN]
    return [line for line in lines if line]
