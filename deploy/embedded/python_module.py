"""How modules of this project are run as programs, wherever the caller stands."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).parent.parent.parent


def command_of(module: str, *arguments: str) -> tuple[str, ...]:
    """The command line that runs a module with this interpreter."""
    return (sys.executable, "-m", module, *arguments)


def importing(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment in which this project's packages are found first."""
    places = [str(SOURCE), environment.get("PYTHONPATH", "")]
    return {**environment, "PYTHONPATH": os.pathsep.join(filter(None, places)), "PYTHONUNBUFFERED": "1"}
