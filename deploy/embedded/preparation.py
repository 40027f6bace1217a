"""Runs `python -m deploy.prepare` until it succeeds: tables, topics and buckets before any service."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.embedded.child_process import ChildProcess, Program
from deploy.embedded.home import Home
from deploy.embedded.keeper import SHOWN_LINES, Report, how_it_ended
from deploy.embedded.log_files import last_lines
from deploy.embedded.python_module import command_of, importing
from deploy.embedded.restart_policy import RestartPolicy
from deploy.embedded.stack_state import ProcessCondition, ProcessState

NAME = "prepare"
STOP_SECONDS = 5.0


@dataclass
class Preparation:
    """The steps between the parts and the services."""

    home: Home
    module: str
    environment: Mapping[str, str]
    report: Report
    policy: RestartPolicy = field(default_factory=RestartPolicy)
    child: ChildProcess | None = None

    async def run(self) -> None:
        """Return once it has succeeded; try again after each failure."""
        while True:
            self._say(ProcessState(NAME, "crash-looping" if self.policy.is_looping else "starting"))
            started = time.monotonic()
            code = await self._run_once()
            if code == 0:
                self._say(ProcessState(NAME, "done"))
                return
            pause = self.policy.ended(time.monotonic() - started)
            self._say_failed(how_it_ended(code))
            await asyncio.sleep(pause)

    async def stop(self) -> None:
        """End it if it runs."""
        if self.child is not None:
            await self.child.stop(grace_seconds=STOP_SECONDS)

    async def _run_once(self) -> int:
        self.child = await ChildProcess.start(
            Program(
                command=command_of(self.module),
                folder=Path.cwd(),
                environment=importing(self.environment),
                log=self.home.log_of(NAME),
            )
        )
        self._say(ProcessState(NAME, "starting", identity=self.child.identity))
        code = await self.child.wait()
        self.child = None
        return code

    def _say_failed(self, how: str) -> None:
        lines = tuple(last_lines(self.home.log_of(NAME), SHOWN_LINES))
        condition: ProcessCondition = "crash-looping" if self.policy.is_looping else "restarting"
        self._say(ProcessState(NAME, condition, restarts=self.policy.ends, last_exit=how, last_lines=lines))

    def _say(self, state: ProcessState) -> None:
        self.report(state)
