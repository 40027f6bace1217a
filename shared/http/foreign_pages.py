"""Tells whether a web page of somebody else makes a browser call, where no key tells who calls.

A browser says where a call comes from, so a foreign page is known. A page whose name is made to lead to us (DNS
rebinding) seems to be ours: it is known by the name.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from pydantic_settings import BaseSettings

from shared.settings import ProcessSettings, PublicUrlSettings

PICTURES: Final = "/v1/images/"
_READS: Final = frozenset({"GET", "HEAD"})


def own_hosts(settings: BaseSettings) -> frozenset[str]:
    """The hosts of a service's public URLs, and the one at which it answers."""
    hosts = {settings.http_host.lower()} if isinstance(settings, ProcessSettings) else set()
    if isinstance(settings, PublicUrlSettings):
        urls = (settings.ingest_public_url, settings.aggregator_public_url, settings.notifier_public_url)
        hosts |= {urlsplit(url).hostname or "" for url in urls}
    return frozenset(hosts - {""})


def is_own(authority: str, hosts: frozenset[str]) -> bool:
    """Whether what stands in `Host` is one of `hosts`, or no name that somebody else could own.

    Nobody can own a name without a dot, such as that of a container or `localhost`.
    """
    try:
        host = urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return False
    return bool(host) and ("." not in host or host in hosts or _is_address(host))


def is_foreign(headers: Mapping[str, str], *, method: str, path: str) -> bool:
    """Whether a page of somebody else calls. Links may lead here from anywhere, and pictures stand on any page.

    A page of another port is somebody else's: another program has it.
    """
    reads = method in _READS
    if reads and path.startswith(PICTURES):
        return False
    site = headers.get("sec-fetch-site")
    if site is None:
        return not _is_same(headers.get("origin"), headers.get("host", ""))
    is_link = reads and headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return site not in {"same-origin", "none"} and not is_link


def _is_same(origin: str | None, host: str) -> bool:
    return origin is None or origin.lower().partition("://")[2] == host.lower()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
