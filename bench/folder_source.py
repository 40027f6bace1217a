"""A server for a folder of pictures that costs the machine little: nginx where there is one, else our own.

Our own keeps the files in memory: `python -m bench.folder_source FOLDER`.
"""

import asyncio
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from mimetypes import guess_type
from pathlib import Path
from typing import Final, NamedTuple

from bench.picture_source import answer_everyone, source_process
from deploy.embedded.free_ports import LOOPBACK, PortReservations

NGINX: Final = """\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000;
    types {{ image/jpeg jpg jpeg; image/png png; image/webp webp; }}
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{ listen {host}:{port}; root "{pictures}"; }}
}}
"""
START_SECONDS: Final = 10
MISSING: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Source(NamedTuple):
    """A server that runs."""

    address: str
    pid: int


@contextmanager
def folder_source(pictures: Path) -> Iterator[Source]:
    """Serve the files of a folder while the block runs."""
    with _nginx(pictures) if shutil.which("nginx") else _own(pictures) as source:
        yield source


@contextmanager
def _nginx(pictures: Path) -> Iterator[Source]:
    with tempfile.TemporaryDirectory(prefix="pixelmill-source-") as name:
        with PortReservations() as ports:
            port = ports.take_any()
        configuration = Path(name) / "nginx.conf"
        configuration.write_text(NGINX.format(folder=name, host=LOOPBACK, port=port, pictures=pictures), "utf-8")
        with subprocess.Popen(["nginx", "-p", name, "-c", str(configuration)]) as process:
            try:
                _wait_until_listening(process, port)
                yield Source(f"http://{LOOPBACK}:{port}", process.pid)
            finally:
                process.terminate()


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(ConnectionRefusedError), socket.create_connection((LOOPBACK, port)):
            return
        time.sleep(0.01)
    raise RuntimeError(f"nginx does not listen on {LOOPBACK}:{port}; what it printed says why.")


@contextmanager
def _own(pictures: Path) -> Iterator[Source]:
    with source_process("bench.folder_source", str(pictures)) as (address, pid):
        yield Source(address, pid)


def answers(pictures: Path) -> dict[bytes, bytes]:
    """A whole HTTP answer for each file, by path."""
    return {f"/{path.name}".encode(): _answer(path) for path in pictures.iterdir() if path.is_file()}


def _answer(path: Path) -> bytes:
    body = path.read_bytes()
    kind = guess_type(path.name)[0] or "application/octet-stream"
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def serve(pictures: Path) -> None:
    """Serve the files of a folder."""
    held = answers(pictures)
    await answer_everyone(lambda path: held.get(path.partition(b"?")[0], MISSING))


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
