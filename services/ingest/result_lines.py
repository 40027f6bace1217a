"""results.jsonl, line by line, without holding more than a piece of it."""

from collections.abc import AsyncIterator


class ResultLines:
    """Takes lines off a stream of bytes."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._lines: list[bytes] = []
        self._next = 0
        self._rest = b""

    async def take(self, count: int) -> list[bytes]:
        """The next lines, fewer than `count` at the end."""
        while len(self._lines) - self._next < count:
            piece = await anext(self._pieces, b"")
            if not piece:
                break
            *lines, self._rest = (self._rest + piece).split(b"\n")
            self._lines = self._lines[self._next :] + lines
            self._next = 0
        taken = self._lines[self._next : self._next + count]
        self._next += len(taken)
        return taken
