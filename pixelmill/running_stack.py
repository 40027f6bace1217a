"""The embedded stack that runs in this home, as far as the user's commands need it."""

import os
from collections.abc import Mapping

from deploy.embedded.stack_state import read_state
from pixelmill.home_folder import this_home


def running_settings() -> Mapping[str, str] | None:
    """All settings of the running stack, its public URLs and its operator's key among them; None when none runs."""
    state = read_state(this_home(os.environ))
    return state.settings if state.is_running else None
