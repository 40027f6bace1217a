"""The gate that every connection passes: its address and port are judged, and it goes to the address judged."""

import socket
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Final

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from shared.errors import Permanent
from shared.safe_http.addresses import Network, allowed_by_operator, permitted
from shared.safe_http.lookup import Lookup
from shared.safe_http.urls import DEFAULT_PORTS, invalid_url, numeric_host

MakeSocket = Callable[[int, int, int], socket.socket]
"""Makes a socket of a family, a kind and a protocol; what it connects to has been judged before."""

# A name can have thousands of addresses, and nobody is to be scanned with our help.
ADDRESSES_OF_A_FAMILY: Final = 2
REMEMBERED_ADDRESSES: Final = 1024

_BLOCKED_ADDRESS: Final = (
    "The URL leads to a private, local or reserved address, and nothing is requested from those."
    " The operator can allow a network with FETCH_ALLOW_NETWORKS."
)
_BLOCKED_PORT: Final = (
    "The URL's port is neither 80 nor 443."
    " Other ports are open only to networks that the operator allows with FETCH_ALLOW_NETWORKS."
)


class ForbiddenAddress(OSError):
    """A socket was about to be made for an address that may not be connected to."""


class Gate:
    """Judges addresses and ports: public addresses on ports 80 and 443, allowed networks on any port."""

    def __init__(self, allow_networks: Sequence[Network], make_socket: MakeSocket = socket.socket) -> None:
        networks = tuple(allow_networks)
        # A host that gives one picture gives many.
        self._is_permitted = lru_cache(REMEMBERED_ADDRESSES)(partial(permitted, allow_networks=networks))
        self._is_allowed = lru_cache(REMEMBERED_ADDRESSES)(partial(allowed_by_operator, allow_networks=networks))
        self._make_socket = make_socket

    def check(self, address: str, port: int) -> None:
        """Raise `Permanent` (`blocked_address`, `blocked_port`) unless the address may be connected to."""
        if not self._is_permitted(address):
            raise Permanent("blocked_address", _BLOCKED_ADDRESS)
        if port not in DEFAULT_PORTS and not self._is_allowed(address):
            raise Permanent("blocked_port", _BLOCKED_PORT)

    def check_literal(self, url: URL) -> None:
        """Judge a URL whose host is an address; a host name is judged when it has been looked up."""
        host, port = url.raw_host or "", url.port or 0
        spelled = numeric_host(host)
        if ":" in host or spelled is not None:
            self.check(spelled or host, port)
        if spelled is not None and spelled != host:
            raise invalid_url("The URL's host is a number in an unusual spelling.")

    def open_socket(self, info: AddrInfoType) -> socket.socket:
        """Make the socket for a connection, if its address may be connected to."""
        family, kind, protocol, _, address = info
        try:
            self.check(str(address[0]), int(address[1]))
        except Permanent as refusal:
            raise ForbiddenAddress(refusal.message) from refusal
        return self._make_socket(family, kind, protocol)


class GatedResolver(AbstractResolver):
    """Looks a host up once, and refuses it if any of its addresses is forbidden.

    All addresses are judged; the first few are given to the connector.
    """

    def __init__(self, gate: Gate, lookup: Lookup) -> None:
        self._gate = gate
        self._lookup = lookup

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - the connector leaves it open
    ) -> list[ResolveResult]:
        addresses = await self._lookup(host, port)
        if not addresses:
            raise OSError("the host has no address")
        for address in addresses:
            self._gate.check(address, port)
        return [_resolved(host, address, port) for address in _few(addresses)]

    async def close(self) -> None:
        """Nothing is held."""


def _few(addresses: Sequence[str]) -> Sequence[str]:
    """Keep the first addresses of each family, in the order in which the system prefers them."""
    sixes = [address for address in addresses if ":" in address]
    fours = [address for address in addresses if ":" not in address]
    kept = {*sixes[:ADDRESSES_OF_A_FAMILY], *fours[:ADDRESSES_OF_A_FAMILY]}
    return [address for address in addresses if address in kept]


def _resolved(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
