"""How everything that can go wrong with an outgoing request becomes an instruction."""

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from shared.errors import Instruction, Permanent, Transient
from shared.safe_http.gate import ForbiddenAddress

log = logging.getLogger(__name__)

_Kinds = type[Exception] | tuple[type[Exception], ...]

_SUCCESS: Final = range(200, 300)
_SERVER_ERROR: Final = range(500, 600)
_OWN_CODE: Final = frozenset({401, 403, 404, 410})
_MOST_DIGITS: Final = 9
_TOO_MANY_REQUESTS: Final = 429
_SERVICE_UNAVAILABLE: Final = 503
# The server asks to come again: 408 request timeout, 425 too early.
_COME_AGAIN: Final = frozenset({408, 425})


_PARSERS: Final = (ValueError, LookupError, ArithmeticError)


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turn the client's exceptions and the end of the deadline into `Permanent` and `Transient`."""
    try:
        yield
    except (TimeoutError, aiohttp.ClientError, ConnectionError, ssl.SSLError) as error:
        raise _instruction(error) from error
    except _PARSERS as error:
        # What a stranger sends must not end the process, whichever parser it takes by surprise.
        log.warning("an answer took a parser by surprise", exc_info=error)
        raise Transient("connect_error", "The server's answer is not valid HTTP.") from error


def status_error(status: int, *, retry_after: float | None) -> Instruction | None:
    """Return what a status of the source means; None for success."""
    if status in _SUCCESS:
        return None
    message = f"The server answered with status {status}."
    if status in _SERVER_ERROR:
        is_busy = status == _SERVICE_UNAVAILABLE
        return Transient("http_5xx", message, retry_after_seconds=retry_after, defers=is_busy)
    if status == _TOO_MANY_REQUESTS:
        return Transient("http_429", message, retry_after_seconds=retry_after, defers=True)
    if status in _COME_AGAIN:
        return Transient("http_4xx", message, retry_after_seconds=retry_after)
    return Permanent(f"http_{status}" if status in _OWN_CODE else "http_4xx", message)


def retry_after_seconds(value: str | None, *, now: datetime) -> float | None:
    """Read a `Retry-After` header (seconds or a date); None when it is missing, negative or no such thing."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) <= _MOST_DIGITS else None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def _instruction(error: Exception) -> Instruction:
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ForbiddenAddress):
        return Permanent("blocked_address", str(error.os_error))
    for kind, instruction, code, message in _INSTRUCTIONS:
        if isinstance(error, kind):
            return instruction(code, message)
    return Transient("connect_error", "The connection failed.")


# The first that fits counts: subclasses stand before their bases.
_INSTRUCTIONS: Final[tuple[tuple[_Kinds, type[Permanent] | type[Transient], str, str], ...]] = (
    (TimeoutError, Transient, "timeout", "The server did not deliver within the time that it has."),
    (aiohttp.InvalidURL, Permanent, "invalid_url", "The URL cannot be requested."),
    (aiohttp.ClientConnectorDNSError, Transient, "dns_error", "The URL's host name could not be resolved."),
    (
        aiohttp.ClientConnectorCertificateError,
        Permanent,
        "tls_error",
        "The server's certificate is not valid for this host.",
    ),
    (
        (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch, ssl.SSLError),
        Transient,
        "tls_error",
        "No encrypted connection to the server could be made.",
    ),
    (aiohttp.ClientConnectorError, Transient, "connect_error", "The server could not be connected to."),
    (aiohttp.ClientPayloadError, Transient, "truncated", "The connection ended before the whole body had arrived."),
    (aiohttp.ClientResponseError, Transient, "connect_error", "The server's answer is not valid HTTP."),
    (
        (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError),
        Transient,
        "connect_error",
        "The server closed the connection without an answer.",
    ),
)
