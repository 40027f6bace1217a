"""Collects what the keepers report, and writes it where the commands read it."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from deploy.embedded.errors import StackError
from deploy.embedded.home import Home
from deploy.embedded.process_identity import ProcessIdentity
from deploy.embedded.services import Scale
from deploy.embedded.stack_state import Phase, ProcessState, StackState, this_boot, write_state

LOG = logging.getLogger(__name__)


class StateBoard:
    """The current state of one stack. A full disk keeps it from being written, never from being supervised."""

    def __init__(self, home: Home, supervisor: ProcessIdentity, ports: Mapping[str, int]) -> None:
        self._home = home
        self.state = StackState(boot_id=this_boot(), supervisor=supervisor, ports=dict(ports))
        self.enter("starting")

    def report(self, process: ProcessState) -> None:
        """A process has changed."""
        reason = f" ({process.last_exit})" if process.condition in ("restarting", "crash-looping") else ""
        LOG.info("%s: %s%s", process.name, process.condition, reason)
        known = {each.name: each for each in self.state.processes}
        self._write(replace(self.state, processes=tuple({**known, process.name: process}.values())))

    def forget(self, name: str) -> None:
        """A process is not wanted any more."""
        self._write(replace(self.state, processes=tuple(each for each in self.state.processes if each.name != name)))

    def enter(self, phase: Phase, problem: str | None = None) -> None:
        """The stack as a whole has changed."""
        LOG.info("stack: %s%s", phase, f" ({problem})" if problem else "")
        self._write(replace(self.state, phase=phase, problem=problem))

    def scaled(self, scale: Scale) -> None:
        """So many processes are kept now."""
        self._write(replace(self.state, scale=scale))

    def listens(self, ports: Mapping[str, int], settings: Mapping[str, str]) -> None:
        """These are the ports and the settings that follow from them."""
        self._write(replace(self.state, ports=dict(ports), settings=dict(settings)))

    def _write(self, state: StackState) -> None:
        self.state = state
        try:
            write_state(self._home, state)
        except StackError as error:
            LOG.warning("%s", error)
