"""Keeps one part or service running: starts it, sees when it is ready, starts it again when it ends."""

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from deploy.embedded.child_process import ChildProcess
from deploy.embedded.errors import StackError
from deploy.embedded.home import Home
from deploy.embedded.log_files import last_lines
from deploy.embedded.part import Part
from deploy.embedded.restart_policy import RestartPolicy
from deploy.embedded.stack_state import ProcessState

PROBE_SECONDS = 0.05
SHOWN_LINES = 12

Report = Callable[[ProcessState], None]


@dataclass(frozen=True)
class Ending:
    """How a run ended, and whether that is already reason enough to call for help."""

    how: str
    is_hopeless: bool = False


class Keeper:
    """One process that must run until it is told to stop."""

    def __init__(self, part: Part, home: Home, report: Report) -> None:
        self.part = part
        self.first_ready = asyncio.Event()
        self._home = home
        self._report = report
        self._policy = RestartPolicy()
        self._state = ProcessState(part.name, port=part.port, since=time.time())
        self._child: ChildProcess | None = None
        self._stopping = asyncio.Event()

    async def keep(self) -> None:
        """Run the process, again and again, until `stop` is called."""
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                ended = Ending(how_it_ended(await self._run_once()))
            except (StackError, OSError) as error:
                # The message says what to do, so there is no point in waiting for further tries.
                ended = Ending(f"not started: {error}", is_hopeless=isinstance(error, StackError))
            if self._stopping.is_set():
                return
            pause = self._policy.ended(time.monotonic() - started)
            self._say_ended(ended)
            await self._rest(pause)

    async def stop(self) -> None:
        """End the process for good."""
        self._stopping.set()
        self._say(condition="stopping")
        if self._child is not None:
            await self.part.stop(self._child)
        self._say(condition="stopped", identity=None)

    async def _run_once(self) -> int:
        """Start the process, see it to its end and return its exit code."""
        self._say(condition="crash-looping" if self._policy.is_looping else "starting", since=time.time())
        self._child = await self.part.start()
        self._say(identity=self._child.identity)
        if self._stopping.is_set():
            await self.part.stop(self._child)
        watch = asyncio.create_task(self._watch_ready(self._child))
        try:
            return await self._child.wait()
        finally:
            watch.cancel()
            self._child = None

    async def _watch_ready(self, child: ChildProcess) -> None:
        while child.exit_code is None and not await self.part.is_ready():  # noqa: ASYNC110  nobody tells us
            await asyncio.sleep(PROBE_SECONDS)
        if child.exit_code is None and not self._stopping.is_set():
            self._say(condition="ready")
            self.first_ready.set()

    def _say_ended(self, ended: Ending) -> None:
        self._say(
            condition="crash-looping" if ended.is_hopeless or self._policy.is_looping else "restarting",
            identity=None,
            since=time.time(),
            restarts=self._state.restarts + 1,
            last_exit=ended.how,
            last_lines=tuple(last_lines(self._home.log_of(self.part.name), SHOWN_LINES)),
        )

    def _say(self, **changes: object) -> None:
        self._state = replace(self._state, **changes)  # type: ignore[arg-type]  # the fields of ProcessState, by name
        self._report(self._state)

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


def how_it_ended(exit_code: int) -> str:
    """An exit code in words."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    return f"killed by {signal.Signals(-exit_code).name}"
