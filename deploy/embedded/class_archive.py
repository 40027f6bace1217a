"""The broker's classes as one run leaves them to later ones: read, checked and linked.

An archive is the JVM's own ahead-of-time cache (JEP 514). It is written when a broker that records comes to its end,
and holds for the very Java, flags and jars that its name stands for. Whatever is wrong with one, the JVM does without.
"""

import hashlib
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LOG = logging.getLogger(__name__)
SUFFIX = ".aot"


@dataclass(frozen=True)
class ClassArchive:
    """`kept` is a folder that brokers share, with one archive in it; `recorded` is this broker's alone."""

    kept: Path
    recorded: Path

    def option(self, command: Sequence[str], files: Sequence[Path]) -> str:
        """Make the JVM use the archive for this command line and these files, or record it if there is none."""
        name = archive_name(command, files)
        if (self.kept / name).exists():
            return f"-XX:AOTCache={self.kept / name}"
        shutil.rmtree(self.recorded, ignore_errors=True)
        self.recorded.mkdir(parents=True, exist_ok=True)
        return f"-XX:AOTCacheOutput={self.recorded / name}"

    def keep(self) -> None:
        """Put what a broker has recorded where later ones look, instead of what was there."""
        for found in self.recorded.glob(f"*{SUFFIX}"):
            try:
                self._keep(found)
            except OSError as error:
                LOG.warning("The classes of the broker were not kept, its next start reads them again: %s", error)

    def _keep(self, found: Path) -> None:
        draft = self.kept / f".{found.name}.{os.getpid()}"
        try:
            shutil.copyfile(found, draft)
            draft.replace(self.kept / found.name)
        finally:
            draft.unlink(missing_ok=True)
            found.unlink()
        for other in self.kept.glob(f"*{SUFFIX}"):
            if other.name != found.name:
                other.unlink(missing_ok=True)


def archive_name(command: Sequence[str], files: Sequence[Path]) -> str:
    """Another name for another command line, and for other files in its places."""
    parts = list(command)
    for file in files:
        found = file.stat()
        parts.append(f"{file} {found.st_size} {found.st_mtime_ns}")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16] + SUFFIX
