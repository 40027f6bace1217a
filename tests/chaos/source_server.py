"""The source as a process of its own: `python -m tests.chaos.source_server [PORT]`.

It listens on several loopback addresses, which the system takes for several hosts, and prints its port. It ends when
its standard input does. Tries are counted for each URL as long as it lives.
"""

import asyncio
import socket
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.chaos.source_behaviour import Answer, answer_to, place_of
from tests.chaos.source_pictures import picture, shape_of

ADDRESSES: Final = tuple(f"127.0.0.{last}" for last in range(1, 9))
ROOT: Final = Path(__file__).resolve().parents[2]
SLOW_SECONDS: Final = 0.5
STALL_SECONDS: Final = 60.0
END_OF_REQUEST: Final = b"\r\n\r\n"
# Closed like this, a connection ends with a reset.
NOTHING_IS_SENT: Final = struct.pack("ii", 1, 0)
GARBAGE: Final = b"<html><body>Please enable JavaScript.</body></html>" * 8

_STATUS: Final = {
    Answer.SERVER_ERROR: "500 Internal Server Error",
    Answer.BUSY: "429 Too Many Requests",
    Answer.AWAY: "503 Service Unavailable",
    Answer.FORBIDDEN: "403 Forbidden",
    Answer.MISSING: "404 Not Found",
    Answer.GONE: "410 Gone",
}
_COME_AGAIN: Final = {Answer.BUSY, Answer.AWAY}


class Source:
    """Answers requests; connections are kept open."""

    def __init__(self) -> None:
        self._tries: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until one of the two ends it."""
        try:
            while True:
                head = await reader.readuntil(END_OF_REQUEST)
                _, target, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
                if not await self._answer(target, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, target: str, writer: asyncio.StreamWriter) -> bool:
        """Says whether the connection can be used again."""
        place = place_of(target)
        answer = answer_to(place.kind, self._tries[target])
        self._tries[target] += 1
        if answer is Answer.RESET:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NOTHING_IS_SENT)
            writer.transport.abort()
            return False
        message = message_of(answer, place.picture)
        writer.write(message.first)
        if not message.rest and not message.is_cut:
            await writer.drain()
            return True
        await writer.drain()
        await asyncio.sleep(message.pause_seconds)
        writer.write(message.rest)
        return not message.is_cut


@dataclass(frozen=True, slots=True)
class Message:
    """An HTTP answer: `first`, then a pause, then the `rest`; when it is cut, the connection ends there."""

    first: bytes
    rest: bytes = b""
    pause_seconds: float = 0.0
    is_cut: bool = False


def message_of(answer: Answer, number: int) -> Message:
    """The bytes of an answer."""
    if answer in _STATUS:
        return Message(_head(_STATUS[answer], 0, more="Retry-After: 1\r\n" if answer in _COME_AGAIN else ""))
    body = body_of(answer, number)
    head, middle = _head("200 OK", len(body), more=f"Content-Type: image/{shape_of(number).format}\r\n"), len(body) // 2
    if answer is Answer.SLOW_PICTURE:
        return Message(head + body[:middle], body[middle:], SLOW_SECONDS)
    if answer is Answer.CUT:
        return Message(head + body[:middle], is_cut=True)
    if answer is Answer.STALL:
        return Message(head + body[:middle], pause_seconds=STALL_SECONDS, is_cut=True)
    return Message(head + body)


def body_of(answer: Answer, number: int) -> bytes:
    """What is announced as the body."""
    whole = picture(number)
    bodies = {Answer.EMPTY: b"", Answer.GARBAGE: GARBAGE, Answer.HALF_PICTURE: whole[: len(whole) // 2]}
    return bodies.get(answer, whole)


def _head(status: str, length: int, *, more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\n\r\n".encode("ascii")


async def serve(port: int) -> None:
    """Serve on all addresses until standard input ends."""
    source = Source()
    servers = []
    for address in ADDRESSES:
        server = await asyncio.start_server(source.serve, address, port, backlog=512)
        port = server.sockets[0].getsockname()[1]
        servers.append(server)
    print(port, flush=True)
    # Standard input ends with the process that holds its other end, however that one ends.
    await asyncio.to_thread(sys.stdin.read)
    for server in servers:
        server.close()


@contextmanager
def running_source(port: int = 0) -> Iterator[int]:
    """The port of a source that serves while the block runs, and has counted no try yet."""
    command = [sys.executable, "-m", "tests.chaos.source_server", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.terminate()


def hosts(port: int) -> tuple[str, ...]:
    """The hosts of a source, as URLs begin."""
    return tuple(f"http://{address}:{port}" for address in ADDRESSES)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
