"""One running system for all end-to-end tests, with a source of pictures and a receiver of webhooks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.local_servers import PictureSource, WebhookReceiver, serving
from tests.e2e.system import System


@pytest.fixture(scope="session")
def source() -> Iterator[PictureSource]:
    made = PictureSource()
    with serving(made.server):
        yield made


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    made = WebhookReceiver()
    with serving(made.server):
        yield made


@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    home: Path = tmp_path_factory.mktemp("home")
    made = System(home, {"CHUNK_SIZE": "20", "WINDOW_CHUNKS": "4", "KAFKA_SESSION_TIMEOUT_SECONDS": "10"})
    made.up("--processors", "3", "--aggregators", "2")
    yield made
    made.down()
