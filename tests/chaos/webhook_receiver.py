"""The receiver of webhooks: keeps every call, and refuses the first one of every third webhook."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

REFUSED: Final = 500
TAKEN: Final = 204


@dataclass(frozen=True, slots=True)
class Call:
    """One POST and what it was answered. Header names are in lower case."""

    headers: dict[str, str]
    body: bytes
    status: int


class WebhookReceiver:
    """`calls` has all that arrived; each is a line of `log` as well. With `fails_first` it refuses some at first."""

    def __init__(self, log: Path, *, fails_first: bool) -> None:
        self.calls: list[Call] = []
        self._log = log
        self._fails_first = fails_first
        self._known: dict[str, int] = {}
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(outer.take(headers, body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the library gives it
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Keep a call and say how it is answered."""
        name = headers.get("webhook-id", "")
        with self._lock:
            place = self._known.setdefault(name, len(self._known))
            is_first = not any(call.headers.get("webhook-id") == name for call in self.calls)
            status = REFUSED if self._fails_first and is_first and place % 3 == 0 else TAKEN
            self.calls.append(Call(headers, body, status))
            with self._log.open("a", encoding="utf-8") as log:
                log.write(json.dumps({"headers": headers, "body": body.decode("utf-8", "replace"), "status": status}))
                log.write("\n")
        return status


@contextmanager
def receiving(log: Path, *, fails_first: bool) -> Iterator[WebhookReceiver]:
    """A receiver that serves while the block runs."""
    receiver = WebhookReceiver(log, fails_first=fails_first)
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()
