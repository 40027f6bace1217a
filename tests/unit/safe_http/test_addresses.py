"""The address table: what may be connected to, and what never."""

from ipaddress import ip_network

import pytest

from shared.safe_http import permitted
from tests.unit.safe_http.address_table import FORBIDDEN_NETWORKS, PUBLIC_ADDRESSES, first_middle_and_last

LOOPBACK = ip_network("127.0.0.0/8")


@pytest.mark.checklist("P1")
@pytest.mark.parametrize("network", FORBIDDEN_NETWORKS)
def test_first_middle_and_last_address_of_a_reserved_network_are_refused(network: str) -> None:
    for address in first_middle_and_last(network):
        assert not permitted(address), address


@pytest.mark.checklist("P1")
@pytest.mark.parametrize("address", ["64:ff9b::808:808", "2002:808:808::1", "::8.8.8.8", "2606:4700:4700::1111%lo"])
def test_addresses_with_another_or_an_interface_inside_are_refused(address: str) -> None:
    assert not permitted(address)


@pytest.mark.checklist("P1")
@pytest.mark.parametrize(
    "address", [*PUBLIC_ADDRESSES, "1.1.1.1", "172.32.0.1", "100.128.0.1", "2a00:1450:4001:800::200e"]
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
