"""An embedded stack for a benchmark."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.home import Home
from deploy.embedded.stack_control import Wanted, bring_down, launch, wait_until_up
from pixelmill.api_client import ApiClient
from pixelmill.server_addresses import servers


@dataclass(frozen=True)
class FreshStack:
    """A stack that nobody has used before."""

    home: Home
    settings: Mapping[str, str]
    api: ApiClient


@contextmanager
def fresh_stack(wanted: Wanted | None = None, **settings: str) -> Iterator[FreshStack]:
    """A stack in a home of its own while the block runs; nothing of it stays."""
    with fresh_home() as home, running(home, wanted or Wanted(), **settings) as given, client_of(given) as api:
        yield FreshStack(home, given, api)


@contextmanager
def fresh_home() -> Iterator[Home]:
    """An empty home, which is removed with all that is in it."""
    home = Home(Path(tempfile.mkdtemp(prefix="pixelmill-bench-")))
    home.create()
    try:
        yield home
    finally:
        shutil.rmtree(home.path)


@contextmanager
def running(home: Home, wanted: Wanted, **settings: str) -> Iterator[Mapping[str, str]]:
    """A stack in this home while the block runs; gives its settings."""
    environment = {
        **os.environ,
        "PIXELMILL_HOME": str(home.path),
        "AUTH": "off",
        "FETCH_ALLOW_NETWORKS": "127.0.0.0/8",
        # All pictures come from one host here, which no real catalogue does.
        "FETCH_PER_HOST": "64",
        **settings,
    }
    try:
        yield wait_until_up(home, launch(home, wanted, environment), lambda _state: None).settings
    finally:
        bring_down(home)


def client_of(settings: Mapping[str, str]) -> ApiClient:
    """A client of the stack with these settings."""
    return ApiClient(servers({}, lambda: settings))
