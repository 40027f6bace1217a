"""An embedded stack for a benchmark."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from deploy.embedded.home import Home
from deploy.embedded.stack_control import Wanted, bring_down, launch, wait_until_up


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
