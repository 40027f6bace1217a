"""The HTTP API as the command uses it. Its errors are `ServerUnreachable` and `Refused`."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx2

from pixelmill.api_answers import (
    Accepted,
    Cancelled,
    Deliveries,
    Delivery,
    Findings,
    Image,
    Images,
    ListedRequest,
    NewWebhookSecret,
    Part,
    Requests,
    State,
    Status,
    WebhookSecrets,
)
from pixelmill.api_refusals import Refused, parsed, problem_of, reaching
from pixelmill.server_addresses import Servers

P = TypeVar("P", bound=Part)

OnBytes = Callable[[int], object]
"""Told how many further bytes went over the line."""

PIECE_BYTES: Final = 64 * 1024
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 60.0
VALIDATION_SECONDS: Final = 300.0
"""A large CSV is checked whole before it is answered, a large request copied whole, many letters replayed slowly."""

LARGEST_PAGE: Final = 100
"""Requests, or dead letters, that one call lists at most."""
PICTURES_AT_ONCE: Final = 500
"""Images that one call describes."""
PICTURE_PATH: Final = "/v1/images/"

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_ACCEPTED: Final = 202


@dataclass(frozen=True, slots=True)
class Submission:
    """A CSV and what is wanted of it; `options` are those of `POST /v1/requests`."""

    path: Path
    options: Mapping[str, str]
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests are listed; times are RFC 3339."""

    state: State | None = None
    since: str | None = None
    until: str | None = None

    def parameters(self) -> dict[str, str]:
        given = {"state": self.state, "since": self.since, "until": self.until}
        return {name: value for name, value in given.items() if value is not None}


class ApiClient:
    """One user's view of the servers."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        headers = {"Authorization": f"Bearer {servers.api_key}"} if servers.api_key else {}
        # A proxy that the environment names would be asked for this machine's own servers, too.
        self._http = httpx2.Client(
            headers={"User-Agent": "pixelmill", **headers},
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=True,
            trust_env=urlsplit(servers.ingest).hostname not in _LOOPBACK,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def submit(self, submission: Submission, on_bytes: OnBytes) -> Accepted | Findings:
        """Send the file piece by piece; with `dry_run` among the options the answer is findings."""
        headers = {"Content-Type": "text/csv"}
        if submission.idempotency_key is not None:
            headers["Idempotency-Key"] = submission.idempotency_key
        with submission.path.open("rb") as file, reaching(self._servers.ingest):
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode):
                headers["Content-Length"] = str(status.st_size)
            answer = self._http.post(
                f"{self._servers.ingest}/v1/requests",
                params=dict(submission.options),
                headers=headers,
                content=_pieces(file, on_bytes),
                timeout=httpx2.Timeout(VALIDATION_SECONDS, connect=CONNECT_SECONDS),
            )
        if answer.status_code == _ACCEPTED:
            return parsed(answer, Accepted)
        return parsed(answer, Findings)

    def status(self, request_id: str) -> Status:
        return self._get(f"{self._request(request_id)}", Status)

    def requests(self, wanted: Wanted, *, limit: int) -> Requests:
        """The newest requests, `limit` of them at most, however many pages that takes."""
        found: list[ListedRequest] = []
        cursor: str | None = None
        while len(found) < limit:
            parameters = {**wanted.parameters(), "limit": str(min(limit - len(found), LARGEST_PAGE))}
            if cursor is not None:
                parameters["cursor"] = cursor
            page = self._get(f"{self._servers.aggregator}/v1/requests", Requests, parameters)
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
        return Requests(items=tuple(found), next_cursor=cursor)

    def cancel(self, request_id: str) -> Cancelled:
        """Have a request end with what it has."""
        with reaching(self._servers.ingest):
            return parsed(self._http.post(f"{self._steered(request_id)}/cancel"), Cancelled)

    def retry(self, request_id: str, *, idempotency_key: str | None = None) -> Accepted:
        """Have what failed or was not attempted tried again, as a new request."""
        with reaching(self._servers.ingest):
            answer = self._http.post(
                f"{self._steered(request_id)}/retry",
                headers={} if idempotency_key is None else {"Idempotency-Key": idempotency_key},
                timeout=httpx2.Timeout(VALIDATION_SECONDS, connect=CONNECT_SECONDS),
            )
        return parsed(answer, Accepted)

    def delete(self, request_id: str) -> None:
        """Delete a request that has ended."""
        self._delete(self._steered(request_id))

    def pictured(self, request_id: str) -> Iterator[tuple[Image, ...]]:
        """The images of a request that succeeded, page by page."""
        parameters = {"outcome": "succeeded", "limit": str(PICTURES_AT_ONCE)}
        while True:
            page = self._get(f"{self._request(request_id)}/images", Images, parameters)
            yield page.items
            if page.next_cursor is None:
                return
            parameters["cursor"] = page.next_cursor

    def deliveries(self, request_id: str) -> Deliveries:
        return self._get(f"{self._servers.notifier}/v1/requests/{quote(request_id, safe='')}/deliveries", Deliveries)

    def redeliver(self, delivery_id: str) -> Delivery:
        """Have a webhook posted once more, now."""
        with reaching(self._servers.notifier):
            address = f"{self._servers.notifier}/v1/deliveries/{quote(delivery_id, safe='')}/redeliver"
            return parsed(self._http.post(address), Delivery)

    def make_webhook_secret(self, *, overlap_seconds: int | None) -> NewWebhookSecret:
        """A new secret; what it is stands in this answer alone."""
        order = {} if overlap_seconds is None else {"overlap_seconds": overlap_seconds}
        with reaching(self._servers.notifier):
            return parsed(self._http.post(self._webhook_secrets(), json=order), NewWebhookSecret)

    def webhook_secrets(self) -> WebhookSecrets:
        return self._get(self._webhook_secrets(), WebhookSecrets)

    def end_webhook_secret(self, secret_id: str) -> None:
        """Have a secret sign nothing from now on."""
        self._delete(f"{self._webhook_secrets()}/{quote(secret_id, safe='')}")

    def save_csv(self, request_id: str, name: str, into: IO[bytes]) -> None:
        """Write `output.csv` or `failures.csv` of a request that has ended."""
        self._save(f"{self._request(request_id)}/{name}", into)

    def save_picture(self, url: str, into: IO[bytes]) -> None:
        """Write a picture by its URL, from the server that this client talks to, whatever host the URL names."""
        # Its signature is the permission. Storage behind the same address would refuse a key that is not its own.
        self._save(self._servers.aggregator + url[url.index(PICTURE_PATH) :], into, keyless=True)

    def _save(self, address: str, into: IO[bytes], *, keyless: bool = False) -> None:
        with reaching(address):
            answer = self._http.send(self._request_of(address, keyless=keyless), stream=True)
            with closing(answer):
                if not answer.is_success:
                    answer.read()
                    raise Refused(problem_of(answer))
                for piece in answer.iter_bytes(PIECE_BYTES):
                    into.write(piece)

    def _request_of(self, address: str, *, keyless: bool) -> httpx2.Request:
        asked = self._http.build_request("GET", address)
        if keyless:
            asked.headers.pop("Authorization", None)
        return asked

    def _request(self, request_id: str) -> str:
        return f"{self._servers.aggregator}/v1/requests/{quote(request_id, safe='')}"

    def _steered(self, request_id: str) -> str:
        return f"{self._servers.ingest}/v1/requests/{quote(request_id, safe='')}"

    def _webhook_secrets(self) -> str:
        return f"{self._servers.notifier}/v1/webhook-secrets"

    def _delete(self, address: str) -> None:
        with reaching(address):
            answer = self._http.delete(address)
        if not answer.is_success:
            raise Refused(problem_of(answer))

    def _get(self, address: str, kind: type[P], parameters: Mapping[str, str] | None = None) -> P:
        with reaching(address):
            return parsed(self._http.get(address, params=dict(parameters or {})), kind)


def _pieces(file: IO[bytes], on_bytes: OnBytes) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece
        on_bytes(len(piece))
