"""The folder that holds everything of one stack: data, logs, state and secrets."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from deploy.embedded.errors import DiskFull, HomeNotUsable

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
# A new Postgres cluster, Kafka's first segments and index files, room for a few pictures.
NEEDED_BYTES = 256 << 20


@dataclass(frozen=True)
class Home:
    """Where one stack keeps its files. Two stacks with different homes share nothing."""

    path: Path

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.path / "logs"

    @property
    def state_file(self) -> Path:
        """What runs, where it listens, what it last did."""
        return self.path / "state.json"

    @property
    def secrets_file(self) -> Path:
        """Passwords and keys, made once."""
        return self.path / "secrets.json"

    def log_of(self, name: str) -> Path:
        """The log file of the process with this name."""
        return self.logs / f"{name}.log"

    def folder(self, name: str) -> Path:
        """A private folder below the home, created when missing."""
        folder = self.path / name
        try:
            folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        except OSError as error:
            refuse(folder, error)
        return folder

    def require_space(self) -> None:
        """Refuse a disk that the parts would fill in their first minutes."""
        found = os.statvfs(self.path)
        free = found.f_bavail * found.f_frsize
        if free < NEEDED_BYTES:
            raise DiskFull(
                f"Only {free >> 20} MB are free for {self.path}, and the stack needs {NEEDED_BYTES >> 20} MB. "
                "Free some, or set PIXELMILL_HOME to a folder on another disk."
            )

    def create(self) -> None:
        """Make the home and its log folder, and prove that files can be written there."""
        self.folder("logs")
        write_private(self.path / ".writable", "yes")
        (self.path / ".writable").unlink(missing_ok=True)


def write_private(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace a file in one step. Only its owner can read it; a crash leaves the old or the new text.

    `durable` waits for the disk, so that it also outlives a loss of power.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        refuse(path, error)


def refuse(path: Path, error: OSError) -> NoReturn:
    """Turn what the operating system said about a path into an error with a remedy."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise DiskFull(
            f"No space left for {path}. Free some, or set PIXELMILL_HOME to a folder on another disk."
        ) from error
    raise HomeNotUsable(
        f"Cannot write {path} ({error.strerror}). Set PIXELMILL_HOME to a folder that you may write."
    ) from error
