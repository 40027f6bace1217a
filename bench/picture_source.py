"""A source of one small picture under every path, in a process of its own: `python -m bench.picture_source`.

It answers without reading more of a request than where it ends, so that it costs the system under test little.
"""

import asyncio
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import Image

from deploy.embedded.free_ports import LOOPBACK
from deploy.embedded.python_module import SOURCE, command_of

END_OF_REQUEST = b"\r\n\r\n"
SIDE = 64


class SourceConnection(asyncio.Protocol):
    """One connection, kept open. `answer` gives the whole HTTP answer for a path."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Requests have no body here: each ends with an empty line."""
        *requests, self._rest = (self._rest + data).split(END_OF_REQUEST)
        for request in requests:
            self._transport.write(self._answer(request.split(b" ", 2)[1]))


def answer() -> bytes:
    """A whole HTTP answer with a JPEG of about one kilobyte."""
    picture = io.BytesIO()
    Image.linear_gradient("L").resize((SIDE, SIDE)).convert("RGB").save(picture, "JPEG", quality=85)
    body = picture.getvalue()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode("ascii") + body


async def serve(port: int) -> None:
    """Serve the one picture."""
    whole = answer()
    await answer_everyone(lambda _path: whole, port)


async def answer_everyone(answer: Callable[[bytes], bytes], port: int = 0) -> None:
    """Serve on a port of the loopback address (0: a free one), which is printed, until the reader has left."""
    server = await asyncio.get_running_loop().create_server(lambda: SourceConnection(answer), LOOPBACK, port)
    print(f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}", flush=True)
    # Standard input ends with the process that holds its other end, however that one ends.
    await asyncio.to_thread(sys.stdin.read)
    server.close()


@contextmanager
def picture_source(port: int = 0) -> Iterator[str]:
    """The address of a source that serves while the block runs."""
    with source_process("bench.picture_source", str(port)) as (address, _pid):
        yield address


@contextmanager
def source_process(module: str, argument: str) -> Iterator[tuple[str, int]]:
    """Address and process of a source that serves while the block runs."""
    with subprocess.Popen(
        [*command_of(module), argument],
        cwd=SOURCE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.stdin.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
