"""What may never be connected to, and how else its addresses can be written."""

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Final

FORBIDDEN_NETWORKS: Final = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "169.254.169.254/32",
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
    "255.255.255.255/32",
    "::/128",
    "::1/128",
    "::127.0.0.1/128",
    "::ffff:0:0/96",
    "::ffff:127.0.0.1/128",
    "::ffff:8.8.8.8/128",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
)

PUBLIC_ADDRESSES: Final = ("8.8.8.8", "2606:4700:4700::1111")

SPELLINGS_OF_LOOPBACK: Final = (
    "127.1",
    "127.0.1",
    "0",
    "0.0.0.0",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "00000177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "127.1.",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "\uff11\uff12\uff17.0.0.1",
    "\u2460\u2461\u2466.0.0.1",
    "127\u30020\u30020\u30021",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "loc\u24d0lhost",
)

NOT_A_HOST: Final = (
    "[fe80::1%25lo]",
    "[::1%25lo]",
    "[2606:4700:4700::1111%25lo]",
    "[2606:4700:4700::1111%lo]",
    "[::\uff11]",
    "[v1.fe80]",
    "[127.0.0.1]",
    "%31%32%37.0.0.1",
    "127.0.0.1%00.shop.example",
    "localhost%2e",
    "shop.example\\@127.0.0.1",
    "shop.example@127.0.0.1",
    "127.0.0.1:80@shop.example",
    "127.0.0.1\u00ad",
    "shop..example",
    "localhost..",
    ".",
)


def first_middle_and_last(network: str) -> Sequence[str]:
    addresses = ip_network(network)
    places = (0, addresses.num_addresses // 2, addresses.num_addresses - 1)
    return tuple(dict.fromkeys(str(addresses[place]) for place in places))


def as_host(address: str) -> str:
    """Write an address as the host of a URL."""
    return f"[{address}]" if ":" in address else address
