import socket

import pytest

from deploy.embedded.errors import PortTaken
from deploy.embedded.free_ports import LOOPBACK, PortReservations, ephemeral_range
from deploy.embedded.stack_ports import choose_ports


def test_a_reserved_port_is_given_to_nobody_else() -> None:
    with PortReservations() as ours, PortReservations() as theirs:
        port = ours.take_any()
        assert not theirs.take(port)
    with PortReservations() as later:
        assert later.take(port)


def test_a_port_where_a_server_listens_is_not_given() -> None:
    with socket.create_server((LOOPBACK, 0)) as server, PortReservations() as ports:
        assert not ports.take(server.getsockname()[1])


def test_chosen_ports_are_outside_of_the_range_of_outgoing_connections() -> None:
    first, last = ephemeral_range()
    with PortReservations() as ports:
        assert all(not first <= ports.take_any() <= last for _ in range(50))


def test_ports_of_an_earlier_start_are_kept_and_new_names_get_new_ones() -> None:
    with PortReservations() as earlier:
        known = choose_ports(["kafka", "postgres"], earlier, {})
    with PortReservations() as now:
        chosen = choose_ports(["kafka", "postgres", "processor-1"], now, known)
    assert {name: chosen[name] for name in known} == known
    assert len(set(chosen.values())) == 3


def test_a_fixed_port_that_is_taken_is_an_error_that_names_it() -> None:
    with PortReservations() as theirs, PortReservations() as ours:
        if not theirs.take(8333):
            pytest.skip("another program has the standard port")
        with pytest.raises(PortTaken, match="8333"):
            choose_ports(["s3"], ours, {}, fixed=True)
