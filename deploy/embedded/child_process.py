"""One program under this process: started in a session of its own, dies with this process, is stopped for sure."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded import die_with_parent
from deploy.embedded.home import PRIVATE_FILE, refuse
from deploy.embedded.process_identity import ProcessIdentity, identify, kill_session


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run. `before` stands before everything else on the command line (`unshare ...`)."""

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    log: Path
    before: Sequence[str] = ()

    def argv(self) -> list[str]:
        """The whole command line, with the binding to this process right before the program."""
        binding = [sys.executable, "-I", "-S", "-E", die_with_parent.__file__, str(os.getpid())]
        return [*self.before, *binding, *self.command]


class ChildProcess:
    """A started program. The parts of the stack and the services are all run through this."""

    def __init__(self, process: Process, identity: ProcessIdentity) -> None:
        self._process = process
        self.identity = identity

    @classmethod
    async def start(cls, program: Program) -> "ChildProcess":
        """Start the program; its output is appended to its log. The caller must be the main thread.

        The kernel ends a child when the *thread* that started it ends, so a worker thread would not do.
        """
        log = open_log(program.log)
        try:
            process = await asyncio.create_subprocess_exec(
                *program.argv(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=program.folder,
                env=dict(program.environment),
                start_new_session=True,
            )
        finally:
            os.close(log)
        # Not collected yet, so the number still is this child's, dead or alive.
        return cls(process, identify(process.pid) or ProcessIdentity(process.pid, 0))

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait for the end, then remove what the program may have left of its session."""
        code = await self._process.wait()
        kill_session(self.identity)
        return code

    async def stop(self, number: signal.Signals = signal.SIGTERM, *, grace_seconds: float) -> int:
        """Ask it to end, and kill it when it has not within the time given."""
        self.identity.send(number)
        try:
            return await asyncio.wait_for(self.wait(), grace_seconds)
        except TimeoutError:
            kill_session(self.identity)
            return await self.wait()


def open_log(path: Path) -> int:
    """A descriptor that appends, so that the file may be cut while the program writes to it."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as error:
        refuse(path, error)
