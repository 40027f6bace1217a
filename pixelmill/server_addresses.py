"""Where the servers are: what the environment says, else the stack that runs in this home."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
    """Base addresses without a slash at the end, and the key that is sent, if there is one."""

    ingest: str
    aggregator: str
    notifier: str
    api_key: str | None = None

    def are(self, named: Mapping[str, str]) -> bool:
        """Whether these are the three addresses in some settings."""
        ours = (self.ingest, self.aggregator, self.notifier)
        return ours == tuple(named.get(name, "").rstrip("/") for name in _VARIABLES)


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


def operators_servers(environment: Mapping[str, str], running_stack: Callable[[], Mapping[str, str] | None]) -> Servers:
    """The same servers for an operator; `running_stack` gives all settings of the stack in this home.

    The operator's key of that stack is sent to that stack alone. Without any key of an operator the API key is sent:
    the server says then what is missing.
    """
    found = servers(environment, running_stack)
    running = running_stack() or {}
    theirs = running.get("OPERATOR_KEY") if found.are(running) else None
    return replace(found, api_key=environment.get("PIXELMILL_OPERATOR_KEY") or theirs or found.api_key)


def _servers(addresses: list[str], key: str | None) -> Servers:
    for address in addresses:
        if not address.startswith(("http://", "https://")):
            raise InvalidAddress(address)
    ingest, aggregator, notifier = (address.rstrip("/") for address in addresses)
    return Servers(ingest, aggregator, notifier, key)
