"""The broker's classes as one run leaves them to later ones: read, checked and linked.

An archive is the JVM's own ahead-of-time cache (JEP 514). It is written when a broker that records comes to its end,
and holds for the very Java, flags and jars that its name stands for. The JVM checks little more than an archive's head
and dies of what is wrong behind it, so its SHA-256 is in its name too, and one that differs is not used.
"""

import hashlib
import logging
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LOG = logging.getLogger(__name__)
SUFFIX = ".aot"
UNUSED_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class ClassArchive:
    """`kept` is a folder that brokers share, of one kind and of others; `recorded` is this broker's alone."""

    kept: Path
    recorded: Path

    def option(self, command: Sequence[str], files: Sequence[Path]) -> str:
        """Make the JVM use the archive for this command line and these files, or record it if there is none."""
        # What an earlier run left was broken off: what is found here at the end must be of this one.
        shutil.rmtree(self.recorded, ignore_errors=True)
        key = archive_key(command, files)
        found = self._whole(key)
        if found is not None:
            return f"-XX:AOTCache={found}"
        self.recorded.mkdir(parents=True, exist_ok=True)
        return f"-XX:AOTCacheOutput={self.recorded / key}{SUFFIX}"

    def keep(self) -> None:
        """Put what a broker has recorded where later ones look. Only for a broker that came to its end by itself."""
        for found in self.recorded.glob(f"*{SUFFIX}"):
            try:
                self._keep(found)
            except OSError as error:
                LOG.warning("The classes of the broker were not kept, its next start reads them again: %s", error)

    def _whole(self, key: str) -> Path | None:
        for found in sorted(self.kept.glob(f"{key}.*{SUFFIX}")):
            try:
                if _is_whole(found):
                    _touch(found)
                    return found
                LOG.warning("An archive of the broker's classes is damaged and removed: %s", found)
                found.unlink()
            except OSError as error:
                LOG.warning("An archive of the broker's classes cannot be used: %s", error)
        return None

    def _keep(self, found: Path) -> None:
        draft = self.kept / f".{os.getpid()}.{found.name}"
        try:
            digest = _copied(found, draft)
            draft.replace(self.kept / f"{found.stem}.{digest}{SUFFIX}")
            _sync(self.kept)
        finally:
            found.unlink()
            draft.unlink(missing_ok=True)
        self._forget_unused()

    def _forget_unused(self) -> None:
        """Make room. Archives of other homes, with other flags or jars, stay as long as they are used; drafts too."""
        for each in self.kept.glob(f"*{SUFFIX}"):
            with suppress(OSError):
                if time.time() - each.stat().st_mtime > UNUSED_SECONDS:
                    each.unlink()


def archive_key(command: Sequence[str], files: Sequence[Path]) -> str:
    """Another one for another command line, and for other files in its places."""
    parts = list(command)
    for file in files:
        found = file.stat()
        parts.append(f"{file} {found.st_size} {found.st_mtime_ns}")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _is_whole(archive: Path) -> bool:
    with archive.open("rb") as content:
        return archive.stem.endswith("." + hashlib.file_digest(content, "sha256").hexdigest())


def _copied(source: Path, target: Path) -> str:
    """Copy through to the disk; return the SHA-256 of the source."""
    with source.open("rb") as reading, target.open("wb") as writing:
        digest = hashlib.file_digest(reading, "sha256").hexdigest()
        reading.seek(0)
        shutil.copyfileobj(reading, writing)
        writing.flush()
        os.fsync(writing.fileno())
    return digest


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _touch(archive: Path) -> None:
    # Where nothing can be written nothing is removed either.
    with suppress(OSError):
        os.utime(archive)
