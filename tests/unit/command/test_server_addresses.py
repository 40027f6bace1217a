"""Where the command looks for servers."""

import pytest

from pixelmill.server_addresses import InvalidAddress, NoServerKnown, Servers, servers

RUNNING = {
    "INGEST_PUBLIC_URL": "http://127.0.0.1:1",
    "AGGREGATOR_PUBLIC_URL": "http://127.0.0.1:2",
    "NOTIFIER_PUBLIC_URL": "http://127.0.0.1:3",
}


def test_one_address_serves_for_all() -> None:
    found = servers({**RUNNING, "PIXELMILL_URL": "https://mill.example/", "PIXELMILL_API_KEY": "k"}, lambda: RUNNING)
    assert found == Servers("https://mill.example", "https://mill.example", "https://mill.example", "k")


def test_the_environment_goes_before_the_running_stack() -> None:
    found = servers({"AGGREGATOR_PUBLIC_URL": "http://other:9/"}, lambda: RUNNING)
    assert found == Servers("http://127.0.0.1:1", "http://other:9", "http://127.0.0.1:3")


def test_without_any_server_the_reader_learns_what_to_do() -> None:
    with pytest.raises(NoServerKnown, match="pixelmill up"):
        servers({}, lambda: None)


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidAddress):
        servers({"PIXELMILL_URL": "mill.example"}, lambda: None)
