"""Stops what a supervisor that died left running: processes that its last state names, and no others."""

import logging

from deploy.embedded.home import Home
from deploy.embedded.process_identity import kill_session
from deploy.embedded.stack_state import read_state

LOG = logging.getLogger(__name__)


def stop_leftovers(home: Home) -> int:
    """Kill what is left, and say how many processes there were. Only for a home without a living supervisor."""
    count = sum(kill_session(identity) for identity in read_state(home).identities())
    if count:
        LOG.warning("Stopped %d processes that an earlier supervisor had left", count)
    return count
