"""The HTTP API as the command uses it. Foreign errors end here: as `ServerUnreachable` and `Refused`."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx2
from pydantic import ValidationError

from pixelmill.api_answers import Accepted, Deliveries, Delivery, Findings, Part, Problem, Status
from pixelmill.server_addresses import Servers

P = TypeVar("P", bound=Part)

OnBytes = Callable[[int], object]
"""Told how many further bytes went over the line."""

PIECE_BYTES: Final = 64 * 1024
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 60.0
VALIDATION_SECONDS: Final = 300.0
"""A large CSV is checked whole before it is answered."""

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_ACCEPTED: Final = 202


class ServerUnreachable(Exception):
    """The server does not answer. Is it running? Look with `pixelmill ps`, or check PIXELMILL_URL."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"No answer from {address} ({reason}). Is it running? `pixelmill ps` and `pixelmill env` tell."
        )


class Refused(Exception):
    """The server answered that it will not, and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail or problem.title or f"The server answered {problem.status}.")
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Submission:
    """A CSV and what is wanted of it; `options` are those of `POST /v1/requests`."""

    path: Path
    options: Mapping[str, str]
    idempotency_key: str | None = None


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
        with submission.path.open("rb") as file, _reaching(self._servers.ingest):
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
            return _parsed(answer, Accepted)
        return _parsed(answer, Findings)

    def status(self, request_id: str) -> Status:
        return self._get(f"{self._request(request_id)}", Status)

    def deliveries(self, request_id: str) -> Deliveries:
        return self._get(f"{self._servers.notifier}/v1/requests/{quote(request_id, safe='')}/deliveries", Deliveries)

    def redeliver(self, delivery_id: str) -> Delivery:
        """Have a webhook posted once more, now."""
        with _reaching(self._servers.notifier):
            address = f"{self._servers.notifier}/v1/deliveries/{quote(delivery_id, safe='')}/redeliver"
            return _parsed(self._http.post(address), Delivery)

    def save_csv(self, request_id: str, name: str, into: IO[bytes]) -> None:
        """Write `output.csv` or `failures.csv` of a request that has ended."""
        address = f"{self._request(request_id)}/{name}"
        with _reaching(self._servers.aggregator), self._http.stream("GET", address) as answer:
            if not answer.is_success:
                answer.read()
                raise Refused(_problem(answer))
            for piece in answer.iter_bytes(PIECE_BYTES):
                into.write(piece)

    def _request(self, request_id: str) -> str:
        return f"{self._servers.aggregator}/v1/requests/{quote(request_id, safe='')}"

    def _get(self, address: str, kind: type[P]) -> P:
        with _reaching(address):
            return _parsed(self._http.get(address), kind)


def _pieces(file: IO[bytes], on_bytes: OnBytes) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece
        on_bytes(len(piece))


@contextmanager
def _reaching(address: str) -> Iterator[None]:
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        parts = urlsplit(address)
        reason = str(error) or type(error).__name__
        raise ServerUnreachable(f"{parts.scheme}://{parts.netloc}", reason) from error


def _parsed(answer: httpx2.Response, kind: type[P]) -> P:
    if not answer.is_success:
        raise Refused(_problem(answer))
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError as error:
        detail = f"The server at {answer.url.host} does not answer like Pixelmill. Check the address."
        raise Refused(Problem(status=answer.status_code, detail=detail)) from error


def _problem(answer: httpx2.Response) -> Problem:
    try:
        return Problem.model_validate_json(answer.content)
    except ValidationError:
        detail = f"The server answered {answer.status_code} {answer.reason_phrase}."
        return Problem(status=answer.status_code, detail=detail)
