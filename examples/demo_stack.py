"""The stack that the demo runs on: the one that is up already, or one that is started and stopped again."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from deploy.embedded.stack_state import read_state
from pixelmill.home_folder import this_home

LOOPBACK_NETWORK: Final = "127.0.0.0/8"


class NoStack(Exception):
    """The stack could not be started; `up` has said why."""


@contextmanager
def stack(*, keep: bool) -> Iterator[Mapping[str, str]]:
    """Yield the settings of a stack that may fetch from loopback, where the demo's pictures are."""
    home = this_home(os.environ)
    was_running = read_state(home).is_running
    try:
        if _pixelmill("up", FETCH_ALLOW_NETWORKS=LOOPBACK_NETWORK) != 0:
            raise NoStack
        yield read_state(home).settings
    finally:
        if not was_running and not keep:
            _pixelmill("down")


def _pixelmill(command: str, **environment: str) -> int:
    ended = subprocess.run([sys.executable, "-m", "pixelmill", command], env={**os.environ, **environment}, check=False)
    return ended.returncode
