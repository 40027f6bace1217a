"""Where the servers are: what the environment says, else the stack that runs in this home."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

_VARIABLES: Final = ("INGEST_PUBLIC_URL", "AGGREGATOR_PUBLIC_URL", "NOTIFIER_PUBLIC_URL")


class NoServerKnown(Exception):
    """No server is known. Start one with `pixelmill up`, or set PIXELMILL_URL to the address of a running one."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class InvalidAddress(Exception):
    """An address is not one of HTTP."""

    def __init__(self, address: str) -> None:
        super().__init__(f"The server address {address!r} is not an http:// or https:// URL.")


@dataclass(frozen=True, slots=True)
class Servers:
    """Base addresses without a slash at the end, and the API key if there is one."""

    ingest: str
    aggregator: str
    notifier: str
    api_key: str | None = None


def servers(environment: Mapping[str, str], running_stack: Callable[[], Mapping[str, str] | None]) -> Servers:
    """Find the servers; `running_stack` gives the three public URLs of the stack in this home, if one runs."""
    key = environment.get("PIXELMILL_API_KEY") or None
    if joined := environment.get("PIXELMILL_URL"):
        return _servers([joined] * 3, key)
    named = {name: environment[name] for name in _VARIABLES if environment.get(name)}
    if len(named) < len(_VARIABLES):
        named = {**(running_stack() or {}), **named}
    if any(name not in named for name in _VARIABLES):
        raise NoServerKnown
    return _servers([named[name] for name in _VARIABLES], key)


def _servers(addresses: list[str], key: str | None) -> Servers:
    for address in addresses:
        if not address.startswith(("http://", "https://")):
            raise InvalidAddress(address)
    ingest, aggregator, notifier = (address.rstrip("/") for address in addresses)
    return Servers(ingest, aggregator, notifier, key)
