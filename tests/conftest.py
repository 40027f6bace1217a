"""Fixtures of all tests."""

import signal
from collections.abc import Iterator

import pytest
from xdist.remote import Producer
from xdist.scheduler import Scheduling

from tests.sharing_out import SharingOut
from tests.stack import StackForTests, running_stack

# A shell that runs the tests in the background has SIGINT ignored, and so would the commands that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Only `--dist loadfile` is changed."""
    return SharingOut(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def stack() -> Iterator[StackForTests]:
    """Kafka, Postgres and an S3 server, empty, for the whole run."""
    with running_stack() as running:
        yield running
