"""Which home the command works on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.embedded.home import Home
from deploy.embedded.python_module import SOURCE

DEFAULT: Final = ".pixelmill"


def this_home(environment: Mapping[str, str]) -> Home:
    """`PIXELMILL_HOME`; else `.pixelmill` in the checkout that holds the code; else in the current folder."""
    chosen = environment.get("PIXELMILL_HOME")
    if chosen:
        return Home(Path(chosen).expanduser().absolute())
    is_checkout = (SOURCE / "pyproject.toml").exists()
    return Home((SOURCE if is_checkout else Path.cwd()) / DEFAULT)
