"""The one parser of URLs that are fetched or called: what it returns is what is sent."""

import re
import socket
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from yarl import URL

from shared.errors import Permanent

MAX_URL_LENGTH: Final = 4096
# Who asks for a URL has it parsed to know its host, and again to request it.
REMEMBERED_URLS: Final = 256
DEFAULT_PORTS: Final = frozenset({80, 443})
SCHEMES: Final = frozenset({"http", "https"})

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Every character that RFC 3986 lets stand in a URL, with `%` only before two hexadecimal digits.
_VERBATIM: Final = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_HOST: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.){0,126}[a-z0-9_-]{1,63}\Z")
# yarl also answers odd brackets with an IndexError.
_NOT_A_URL: Final = (ValueError, IndexError)
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)\.?\Z")


@lru_cache(maxsize=REMEMBERED_URLS)
def parse_url(text: str) -> URL:
    """Parse an http(s) URL as it is going to be requested, without its fragment.

    Escapes stay as they are written, since a signature may cover them. Raises `Permanent("invalid_url")`.
    """
    if len(text) > MAX_URL_LENGTH:
        raise invalid_url(f"The URL has more than {MAX_URL_LENGTH} characters.")
    if _CONTROL.search(text):
        raise invalid_url("The URL has control characters in it.")
    try:
        url = URL(text, encoded=_VERBATIM.fullmatch(text) is not None)
        # What is judged is read back from what is sent, so that no spelling means two things.
        url = URL(str(_plain_host(url.with_fragment(None))), encoded=True)
        _check_parts(url)
    except _NOT_A_URL as error:
        raise invalid_url("The text is not a URL.") from error
    return url


def joined(base: URL, location: str) -> URL:
    """Resolve the `Location` of a redirect against the URL that answered it."""
    if _CONTROL.search(location):
        raise invalid_url("The server redirects to a URL with control characters in it.")
    try:
        target = str(base.join(URL(location, encoded=_VERBATIM.fullmatch(location) is not None)))
    except _NOT_A_URL as error:
        raise invalid_url("The server redirects to something that is not a URL.") from error
    return parse_url(target)


def numeric_host(host: str) -> str | None:
    """Return the IPv4 address that resolvers make of `127.1`, `0x7f000001` and the like; None for names."""
    if not _NUMERIC.match(host):
        return None
    try:
        return str(IPv4Address(socket.inet_aton(host.rstrip("."))))
    except OSError:
        return None


def invalid_url(reason: str) -> Permanent:
    return Permanent("invalid_url", f"{reason} Use an absolute http:// or https:// URL.")


def _plain_host(url: URL) -> URL:
    """Give a host one spelling, by which connections are counted: small letters, no dot at the end."""
    host = url.raw_host or ""
    plain = host.lower().removesuffix(".")
    return url if host == plain or not plain else url.with_host(plain)


def _check_parts(url: URL) -> None:
    if url.scheme not in SCHEMES:
        raise invalid_url("The URL has no scheme that can be fetched.")
    if url.raw_user is not None or url.raw_password is not None:
        raise invalid_url("The URL has a user name or password in it, which is not sent.")
    if not url.raw_host:
        raise invalid_url("The URL has no host.")
    if url.explicit_port == 0:
        raise invalid_url("The URL has port 0.")
    is_bracketed = str(url).startswith(f"{url.scheme}://[")
    if not (_is_ipv6(url.raw_host) if is_bracketed else _HOST.match(url.raw_host)):
        raise invalid_url("The URL's host is not a host name.")


def _is_ipv6(host: str) -> bool:
    """Say whether a host is an IPv6 address without a zone, for a zone names an interface of this machine."""
    try:
        return IPv6Address(host).scope_id is None
    except ValueError:
        return False
