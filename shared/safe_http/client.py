"""The client through which every source is fetched and every callback is called.

It connects to judged addresses only, follows redirects by hand, sends no cookie, credential or referrer, uses no
proxy, takes bodies as they are, counts their bytes and has one deadline for everything.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from yarl import URL

from shared.errors import Permanent, Transient
from shared.safe_http.errors import mapped_errors, retry_after_seconds, status_error
from shared.safe_http.gate import Gate, GatedResolver, MakeSocket
from shared.safe_http.lookup import Lookup, SystemLookup
from shared.safe_http.places import Places
from shared.safe_http.policy import FetchPolicy
from shared.safe_http.urls import joined, parse_url

Sink = Callable[[bytes | memoryview], object]
"""Takes the next bytes of a body."""

READ_BUFFER_BYTES: Final = 256 * 1024
# Idle connections are files that are open: a stranger's thousand host names must not use them up.
KEEP_ALIVE_SECONDS: Final = 5.0
# What is posted was signed and dated before: it must not grow old in line.
PLACE_SECONDS: Final = 2.0

_REDIRECTS: Final = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.SEE_OTHER,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body that was fetched whole: `bytes` of it went into the sink."""

    status: int
    content_type: str
    bytes: int
    final_url: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a POST. Header names are in lower case; `body` is cut at the limit that was given."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class SafeClient:
    """Fetches and posts under a policy. Errors are `Permanent` and `Transient`, with messages that users may see."""

    def __init__(
        self,
        policy: FetchPolicy,
        *,
        lookup: Lookup | None = None,
        tls: ssl.SSLContext | None = None,
        make_socket: MakeSocket = socket.socket,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._policy = policy
        self._gate = Gate(policy.allow_networks, make_socket)
        self._lookup = lookup or SystemLookup()
        self._tls = tls
        self._now = now
        self._places = Places(policy.per_host)
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, url: str, into: Sink, *, max_bytes: int) -> Fetched:
        """GET a URL, follow its redirects, and hand the body to `into` piece by piece.

        A failure may come when part of the body was handed over already.
        """
        target = parse_url(url)
        async with self._places.one(target.origin()):
            with mapped_errors():
                async with asyncio.timeout(self._policy.timeout_seconds):
                    return await self._fetch(target, into, max_bytes=max_bytes)

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        deadline_seconds: float,
        max_response_bytes: int,
    ) -> Answered:
        """POST a body and return the answer, whatever its status; redirects are not followed.

        The deadline holds for all of it. `Transient` with the code `no_place`, and nothing posted, when the host has
        as many connections as it may and none ends soon.
        """
        target = parse_url(url)
        with mapped_errors():
            async with (
                asyncio.timeout(deadline_seconds),
                self._place_within(min(PLACE_SECONDS, deadline_seconds / 2), target.origin()),
                self._request("POST", target, body, headers) as response,
            ):
                answer = await _read_up_to(response, max_response_bytes)
                return Answered(response.status, _lower_names(response), answer)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    @asynccontextmanager
    async def _place_within(self, seconds: float, origin: URL) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds):
                await self._places.take(origin)
        except TimeoutError:
            message = "As many connections to this server are open as may be."
            raise Transient("no_place", message, defers=True) from None
        try:
            yield
        finally:
            self._places.leave(origin)

    async def _fetch(self, target: URL, into: Sink, *, max_bytes: int) -> Fetched:
        for _ in range(self._policy.max_redirects + 1):
            async with self._request("GET", target) as response:
                location = response.headers.get("Location") if response.status in _REDIRECTS else None
                if location is None:
                    return await self._read(response, into, max_bytes=max_bytes)
                target = _next_hop(target, location)
        raise Permanent("too_many_redirects", f"The server redirects more than {self._policy.max_redirects} times.")

    async def _read(self, response: aiohttp.ClientResponse, into: Sink, *, max_bytes: int) -> Fetched:
        retry_after = retry_after_seconds(response.headers.get("Retry-After"), now=self._now())
        if (error := status_error(response.status, retry_after=retry_after)) is not None:
            raise error
        _check_encoding(response)
        if (response.content_length or 0) > max_bytes:
            raise _too_large(max_bytes)
        count = 0
        async for piece in response.content.iter_any():
            count += len(piece)
            if count > max_bytes:
                raise _too_large(max_bytes)
            into(piece)
        if count == 0:
            raise Permanent("empty", "The server answered with an empty body.")
        return Fetched(response.status, _content_type(response), count, str(response.url))

    def _request(
        self, method: str, target: URL, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        self._gate.check_literal(target)
        return self._opened().request(method, target, data=body, headers=headers, allow_redirects=False)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(**self._session_options())
        return self._session

    def _session_options(self) -> dict[str, Any]:
        connector = aiohttp.TCPConnector(
            resolver=GatedResolver(self._gate, self._lookup),
            # Each connection has its own look-up, and goes to what was judged in it.
            use_dns_cache=False,
            socket_factory=self._gate.open_socket,
            limit=0,
            limit_per_host=self._policy.per_host,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            ssl=self._tls or True,
        )
        return {
            "connector": connector,
            "trust_env": False,
            "cookie_jar": aiohttp.DummyCookieJar(),
            "auto_decompress": False,
            "raise_for_status": False,
            "read_bufsize": READ_BUFFER_BYTES,
            "timeout": aiohttp.ClientTimeout(total=None, sock_connect=self._policy.connect_timeout_seconds),
            "headers": {"User-Agent": self._policy.user_agent, "Accept-Encoding": "identity"},
        }


def _next_hop(current: URL, location: str) -> URL:
    target = joined(current, location)
    if current.scheme == "https" and target.scheme == "http":
        raise Permanent("tls_error", "The server redirects from https to http, which is not followed.")
    return target


def _content_type(response: aiohttp.ClientResponse) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _check_encoding(response: aiohttp.ClientResponse) -> None:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise Permanent(
            "unsupported_format", "The server sends the body in a content encoding, although none was asked for."
        )


def _too_large(max_bytes: int) -> Permanent:
    return Permanent("too_large", f"The file is larger than {max_bytes} bytes.")


async def _read_up_to(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    while len(body) < limit and (piece := await response.content.read(limit - len(body))):
        body += piece
    return bytes(body)


def _lower_names(response: aiohttp.ClientResponse) -> Mapping[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}
