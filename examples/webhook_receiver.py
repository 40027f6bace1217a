"""A receiver of Pixelmill's webhooks that believes nothing without its signature (Standard Webhooks)."""

import base64
import hashlib
import hmac
import json
import queue
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from examples.local_server import QuietHandler, serving

TOLERANCE_SECONDS: Final = 300
LARGEST_BODY_BYTES: Final = 1_000_000


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether `body` was signed with `secret` (`whsec_...`) in the last minutes."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    expected = f"v1,{base64.b64encode(digest).decode()}"
    is_signed = any(hmac.compare_digest(expected, one) for one in headers.get("webhook-signature", "").split(" "))
    return is_signed and timestamp.isdigit() and abs(time.time() - int(timestamp)) < TOLERANCE_SECONDS


@dataclass(frozen=True)
class Inbox:
    """Where webhooks arrive; `url` is what a request names as its callback."""

    url: str
    genuine: "queue.Queue[dict[str, Any]]"

    def wait_for(self, request_id: str, *, seconds: float) -> dict[str, Any] | None:
        """The first genuine webhook about a request, or None when none comes in time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                message = self.genuine.get(timeout=left)
            except queue.Empty:
                return None
            if message["data"]["request_id"] == request_id:
                return message
        return None


@contextmanager
def webhook_receiver(secret: str) -> Iterator[Inbox]:
    """Receive webhooks on a free port of this machine."""
    genuine: queue.Queue[dict[str, Any]] = queue.Queue()

    class Handler(QuietHandler):
        def do_POST(self) -> None:  # noqa: N802 - the base class names it
            """Keep what is genuine, refuse the rest."""
            body = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), LARGEST_BODY_BYTES))
            if is_genuine(secret, {name.lower(): value for name, value in self.headers.items()}, body):
                genuine.put(json.loads(body))
                self.answer(HTTPStatus.NO_CONTENT, "text/plain", b"")
            else:
                self.answer(HTTPStatus.UNAUTHORIZED, "text/plain", b"The signature does not fit.\n")

    with serving(Handler) as address:
        yield Inbox(f"{address}/webhooks", genuine)
