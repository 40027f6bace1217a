"""A file without a name, in memory, that a codec process can open. Linux only."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from services.processor.codec.job import Descriptor


class MemoryFile:
    """Bytes that two processes share. Its memory is given back when it is closed."""

    def __init__(self, label: str) -> None:
        self._descriptor = os.memfd_create(label)
        self.size = 0

    @property
    def descriptor(self) -> Descriptor:
        """How a job names it while it is open."""
        return Descriptor(self._descriptor)

    @property
    def length(self) -> int:
        """The bytes in it, whoever wrote them."""
        return os.fstat(self._descriptor).st_size

    def write(self, data: bytes | memoryview) -> None:
        """Append all of `data`."""
        rest = memoryview(data)
        while rest:
            written = os.write(self._descriptor, rest)
            self.size += written
            rest = rest[written:]

    def read(self, limit: int | None = None) -> bytes:
        """Return everything that is in it, or so many bytes of it, whoever wrote it."""
        return os.pread(self._descriptor, self.length if limit is None else limit, 0)

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def opened(file: Descriptor) -> Iterator[io.BufferedRandom]:
    """Read and write an open file from its begin; it stays open."""
    with open(file, "r+b", closefd=False) as stream:
        stream.seek(0)
        yield stream
