"""A file without a name, in memory, that a codec process can open. Linux only."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from services.processor.codec.job import SharedFile


class StaleFile(Exception):
    """The path leads to another file: whoever gave it has closed the file that was meant."""


class MemoryFile:
    """Bytes that two processes share. Its memory is given back when it is closed."""

    def __init__(self, label: str) -> None:
        self._descriptor = os.memfd_create(label)
        self.size = 0

    @property
    def shared(self) -> SharedFile:
        """How another process of the same user finds it while this process keeps it open."""
        path = f"/proc/{os.getpid()}/fd/{self._descriptor}"
        return SharedFile(path, os.fstat(self._descriptor).st_ino)

    def write(self, data: bytes | memoryview) -> None:
        """Append all of `data`."""
        rest = memoryview(data)
        while rest:
            written = os.write(self._descriptor, rest)
            self.size += written
            rest = rest[written:]

    def read(self) -> bytes:
        """Return everything that is in it, whoever wrote it."""
        length = os.fstat(self._descriptor).st_size
        return os.pread(self._descriptor, length, 0)

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def opened(file: SharedFile) -> Iterator[io.BufferedRandom]:
    """Open a file that another process holds, to read and to write. Raises `StaleFile` when it is gone."""
    with Path(file.path).open("r+b") as stream:
        if os.fstat(stream.fileno()).st_ino != file.inode:
            raise StaleFile
        yield stream
