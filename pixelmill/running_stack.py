"""The embedded stack that runs in this home, as far as the user's commands need it."""

import os
from collections.abc import Mapping

from deploy.embedded.services import PUBLIC_URLS
from deploy.embedded.stack_state import read_state
from pixelmill.home_folder import this_home


def public_urls() -> Mapping[str, str] | None:
    """The three public URLs of the running stack by the names of their settings; None when none runs."""
    state = read_state(this_home(os.environ))
    if not state.is_running:
        return None
    return {name: state.settings[name] for name in PUBLIC_URLS.values() if name in state.settings}
