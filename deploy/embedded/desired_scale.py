"""How many processes are wanted: written by `up`, read by the supervisor at its start and on SIGHUP."""

import json
from dataclasses import asdict

from deploy.embedded.home import Home, write_private
from deploy.embedded.services import Scale

FILE = "scale.json"


def write_scale(home: Home, scale: Scale) -> None:
    """Say how many are wanted."""
    write_private(home.path / FILE, json.dumps(asdict(scale)))


def read_scale(home: Home) -> Scale:
    """How many are wanted: one each unless something else was said."""
    try:
        return Scale(**json.loads((home.path / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Scale()
