"""The embedded stack that runs in this home, as far as the user's commands need it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.embedded.home import Home
from deploy.embedded.services import PUBLIC_URLS
from deploy.embedded.stack_state import read_state

DEFAULT_HOME: Final = ".pixelmill"


def public_urls() -> Mapping[str, str] | None:
    """The three public URLs of the running stack by the names of their settings; None when none runs."""
    state = read_state(Home(Path(os.environ.get("PIXELMILL_HOME") or DEFAULT_HOME)))
    if not state.is_running:
        return None
    return {name: state.settings[name] for name in PUBLIC_URLS.values() if name in state.settings}
