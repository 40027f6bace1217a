"""Servers on loopback that the system talks to: a source of pictures, and a receiver of webhooks."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from PIL import Image

HELD_SECONDS = 25


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the library gives it
        pass

    def answer(self, status: int, body: bytes = b"", content_type: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def picture(shade: int) -> bytes:
    """A JPEG with enough detail to be worth compressing."""
    gradient = Image.linear_gradient("L").resize((320, 240)).rotate(shade * 7)
    out = io.BytesIO()
    Image.merge("RGB", [gradient, gradient.point(lambda v: (v * 3 + shade) % 256), gradient]).save(
        out, "JPEG", quality=92
    )
    return out.getvalue()


class PictureSource:
    """Serves `/picture/<n>.jpg`; `/missing/` is 404; `/held/` waits until the gate is open.

    Paths in `broken` are 404 as long as they are in it. `asked` has every path that was asked for.
    """

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.broken: set[str] = set()
        self.asked: list[str] = []
        self._pictures = [picture(shade) for shade in range(8)]
        outer = self

        class Handler(Quiet):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                if self.path.startswith("/missing/") or self.path in outer.broken:
                    self.answer(404, b"no such picture")
                    return
                if self.path.startswith("/held/"):
                    outer.gate.wait(HELD_SECONDS)
                number = int(self.path.rsplit("/", 1)[-1].split(".")[0])
                self.answer(200, outer._pictures[number % len(outer._pictures)], "image/jpeg")

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


class FolderSource:
    """Serves the files of a folder by their names."""

    def __init__(self, folder: Path) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                file = folder / Path(unquote(self.path)).name
                if not file.is_file():
                    self.answer(404, b"no such picture")
                    return
                self.answer(200, file.read_bytes(), guess_type(file.name)[0] or "image/webp")

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


class WebhookReceiver:
    """Remembers every delivery: headers and body."""

    def __init__(self) -> None:
        self.deliveries: list[tuple[dict[str, str], bytes]] = []
        outer = self

        class Handler(Quiet):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.deliveries.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.answer(204)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def catalogue(source: str, images: int, *, missing: tuple[int, ...] = (), held_from: int | None = None) -> str:
    """A CSV of one image a row. Those whose numbers are in `missing` do not exist; from `held_from` on they wait."""

    def folder(number: int) -> str:
        if number in missing:
            return "missing"
        return "picture" if held_from is None or number < held_from else "held"

    rows = [f"{number + 1},Product {number},{source}/{folder(number)}/{number}.jpg" for number in range(images)]
    return "\n".join(["Serial Number,Product Name,Image URLs", *rows]) + "\n"
