"""Runs `python -m deploy.prepare` for some parts of the running stack, or of those that the environment names."""

import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

from deploy.embedded.errors import StackError
from deploy.embedded.home import Home
from deploy.embedded.python_module import command_of, importing
from deploy.embedded.stack_state import read_state

PATIENCE_SECONDS: Final = "10"


def run_preparation(home: Home, parts: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """What was done, line by line. A program of its own: this command need not carry three client libraries."""
    state = read_state(home)
    settings = state.settings if state.is_running else {}
    command = command_of("deploy.prepare", *parts, "--patience", PATIENCE_SECONDS)
    result = subprocess.run(
        command, env=importing({**environment, **settings}), capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        complaint = result.stderr.strip().splitlines() or ["it did not say why"]
        raise StackError(f"Could not prepare {' and '.join(parts)}: {complaint[-1]}")
    return result.stdout.splitlines()
