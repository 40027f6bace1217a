"""The networks that an operator allows: read from one line, and refused with a reason when they make no sense."""

from ipaddress import ip_network

import pytest
from pydantic import ValidationError

from shared.safe_http import FetchSettings, permitted
from tests.unit.safe_http.address_table import FORBIDDEN_NETWORKS, first_middle_and_last


def settings_of(monkeypatch: pytest.MonkeyPatch, line: str) -> FetchSettings:
    monkeypatch.setenv("FETCH_ALLOW_NETWORKS", line)
    return FetchSettings()


def test_networks_and_single_addresses_are_read_from_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = settings_of(monkeypatch, " 10.1.0.0/16, fd00::/8,192.168.1.7 ,").fetch_policy()
    assert policy.allow_networks == tuple(map(ip_network, ("10.1.0.0/16", "fd00::/8", "192.168.1.7/32")))


@pytest.mark.checklist("P1")
def test_no_network_is_allowed_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FETCH_ALLOW_NETWORKS", raising=False)
    allowed = FetchSettings().fetch_policy().allow_networks
    assert allowed == ()
    for network in FORBIDDEN_NETWORKS:
        assert not permitted(first_middle_and_last(network)[0], allowed)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("10.0.0.1/8", "'10.0.0.1/8' is an address inside a network. If all of the network is meant, write 10.0.0.0/8"),
        ("fd00::1/8", "'fd00::1/8' is an address inside a network. If all of the network is meant, write fd00::/8"),
        ("10.0.0.0/33", "'10.0.0.0/33' is not a network. Write CIDRs like 10.1.0.0/16"),
        ("10.0.0.0/8;10.1.0.0/16", "is not a network"),
        ("localhost", "'localhost' is not a network"),
        ("10.0.0.0/8, intranet.example", "'intranet.example' is not a network"),
        ("300.1.1.1", "is not a network"),
        ("0.0.0.0/0", "'0.0.0.0/0' is every address there is"),
        ("::/0", "'::/0' is every address there is"),
    ],
)
def test_nonsense_is_refused_with_what_to_write_instead(
    monkeypatch: pytest.MonkeyPatch, line: str, reason: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        settings_of(monkeypatch, line)
    (problem,) = raised.value.errors()
    assert problem["loc"] == ("fetch_allow_networks",)
    assert reason in problem["msg"]
