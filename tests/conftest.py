"""Fixtures of all tests."""

from collections.abc import Iterator

import pytest

from tests.stack import StackForTests, running_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[StackForTests]:
    """Kafka, Postgres and an S3 server, empty, for the whole run."""
    with running_stack() as running:
        yield running
