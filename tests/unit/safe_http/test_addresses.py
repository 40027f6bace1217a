"""The address table: what may be connected to, and what never."""

from ipaddress import ip_network

import pytest

from shared.safe_http import permitted

LOOPBACK = ip_network("127.0.0.0/8")

FORBIDDEN_NETWORKS = [
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
    "255.255.255.255/32",
    "::/128",
    "::1/128",
    "::127.0.0.1/128",
    "::ffff:0:0/96",
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
]


@pytest.mark.parametrize("network", FORBIDDEN_NETWORKS)
def test_first_middle_and_last_address_of_a_reserved_network_are_refused(network: str) -> None:
    addresses = ip_network(network)
    for place in (0, addresses.num_addresses // 2, addresses.num_addresses - 1):
        assert not permitted(str(addresses[place])), addresses[place]


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"])
def test_metadata_and_addresses_with_another_inside_are_refused(address: str) -> None:
    assert not permitted(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450:4001:800::200e"]
)
def test_public_addresses_are_permitted(address: str) -> None:
    assert permitted(address)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f000001", "8.8.8.8.8", "8.8.8.8 "])
def test_what_is_not_an_address_is_refused(text: str) -> None:
    assert not permitted(text)


def test_an_allowed_network_is_permitted_and_nothing_beside_it() -> None:
    assert permitted("127.0.0.1", [LOOPBACK])
    assert not permitted("10.0.0.1", [LOOPBACK])
    assert not permitted("::ffff:127.0.0.1", [LOOPBACK])
    assert not permitted("::1", [LOOPBACK])
