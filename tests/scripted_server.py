"""A server on loopback that answers as the test says, and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    after: threading.Event | None = None
    """Not answered before this is set."""


@dataclass
class ScriptedServer:
    """`replies` of a method and path are given in turn; the last one stays."""

    url: str
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def on(self, what: str, *replies: Reply) -> None:
        self.replies[what] = list(replies)

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        waiting = self.replies.get(f"{asked.method} {asked.path.split('?')[0]}", [Reply(404, {"detail": "no such"})])
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    holder: list[ScriptedServer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def log_message(self, *_: Any) -> None:
            """Silence."""

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = holder[0].reply(Asked(self.command, self.path, headers, body))
            if reply.after is not None:
                reply.after.wait(30)
            data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(data)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    holder.append(ScriptedServer(f"http://127.0.0.1:{server.server_address[1]}"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield holder[0]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
