"""Locks of a home: one for its supervisor, held for life; one for whoever starts a supervisor."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.embedded.home import PRIVATE_FILE, Home, refuse


def supervisor_lock(home: Home) -> Path:
    """Held by the supervisor as long as it lives."""
    return home.path / "supervisor.lock"


def start_lock(home: Home) -> Path:
    """Held while a supervisor is being started."""
    return home.path / "up.lock"


@contextmanager
def holding(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold a lock while the block runs. Yields False when somebody else holds it and we do not wait."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as error:
        refuse(path, error)
    try:
        yield lock(descriptor, wait=wait)
    finally:
        os.close(descriptor)


def lock(descriptor: int, *, wait: bool) -> bool:
    """Take a lock that ends with its descriptor."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Whether somebody holds this lock now."""
    if not path.exists():
        return False
    with holding(path, wait=False) as ours:
        return not ours
