"""Which addresses may be connected to: public ones, and those that the operator allows.

Source of the list: the IANA special-purpose address registries for IPv4 and IPv6, the metadata address of Azure, and
every IPv6 range that carries an IPv4 address inside, because a gateway may turn it into a private one.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# `is_global` differs between versions of Python and passes some of these, so that all are named here.
_REFUSED: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # unspecified, loopback, v4-compatible
        "::ffff:0:0/96",  # v4-mapped
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)


def permitted(address: str | Address, allow_networks: Sequence[Network] = ()) -> bool:
    """Say whether a connection to `address` may be opened; text that is no address may not."""
    parsed = _parsed(address)
    if parsed is None:
        return False
    return allowed_by_operator(parsed, allow_networks) or _is_public(parsed)


def allowed_by_operator(address: str | Address, allow_networks: Sequence[Network]) -> bool:
    """Say whether `address` is in one of the networks that the operator names."""
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in allow_networks)


def _parsed(address: str | Address) -> Address | None:
    """Read an address; one with a zone is none, for it means an interface of this machine."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return None if isinstance(parsed, IPv6Address) and parsed.scope_id is not None else parsed


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast:
        return False
    return not any(address in network for network in _REFUSED)
