"""Starts, scales, watches and stops the stack of a home, from outside of its supervisor."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from deploy.embedded.child_process import open_log
from deploy.embedded.desired_scale import read_scale, write_scale
from deploy.embedded.errors import PartNotReady, StackError
from deploy.embedded.home import Home
from deploy.embedded.home_lock import holding, is_held, start_lock, supervisor_lock
from deploy.embedded.leftovers import stop_leftovers
from deploy.embedded.process_identity import ProcessIdentity, identify
from deploy.embedded.python_module import command_of, importing
from deploy.embedded.services import Scale
from deploy.embedded.stack_state import ProcessState, StackState, read_state

SUPERVISOR = "supervisor"
POLL_SECONDS = 0.1
START_SECONDS = 300.0
# Services drain for 25 s, parts close within 30 s.
STOP_SECONDS = 60.0
DEAD_SECONDS = 5.0

Show = Callable[[StackState], None]


@dataclass(frozen=True)
class Wanted:
    """What `up` was asked for. None leaves a number as it is, and is one at a start."""

    processors: int | None = None
    aggregators: int | None = None
    fixed_ports: bool = False
    supervisor_options: tuple[str, ...] = ()

    def scale(self, now: Scale) -> Scale:
        """The numbers of processes, given those of now."""
        return Scale(self.processors or now.processors, self.aggregators or now.aggregators)


class ProcessNotUp(StackError):
    """A process cannot be brought up."""

    def __init__(self, process: ProcessState, log: str) -> None:
        super().__init__(f"{process.name} does not start. Its log is {log}.")
        self.process = process


@contextmanager
def starting_alone(home: Home, on_wait: Callable[[], None]) -> Iterator[None]:
    """Only one start at a time in one home; others wait."""
    with holding(start_lock(home), wait=False) as ours:
        if ours:
            yield
            return
    on_wait()
    with holding(start_lock(home), wait=True):
        yield


def is_supervised(home: Home) -> bool:
    """Whether a supervisor runs in this home."""
    return is_held(supervisor_lock(home))


def launch(home: Home, wanted: Wanted, environment: Mapping[str, str]) -> ProcessIdentity:
    """Start a supervisor that outlives us."""
    write_scale(home, wanted.scale(Scale()))
    options = ["--fixed-ports"] if wanted.fixed_ports else []
    command = command_of("deploy.embedded", "--home", str(home.path), *options, *wanted.supervisor_options)
    log = open_log(home.log_of(SUPERVISOR))
    try:
        pid = os.posix_spawn(
            command[0],
            command,
            importing(environment),
            setsid=True,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ],
        )
    finally:
        os.close(log)
    return identify(pid) or ProcessIdentity(pid, 0)


def rescale(home: Home, wanted: Wanted) -> None:
    """Tell a running supervisor how many processes are wanted now."""
    scale = wanted.scale(read_scale(home))
    supervisor = living_supervisor(home)
    if scale != read_scale(home):
        write_scale(home, scale)
        supervisor.send(signal.SIGHUP)


def living_supervisor(home: Home) -> ProcessIdentity:
    """The supervisor of this home. It holds its lock a moment before it says who it is."""
    deadline = time.monotonic() + DEAD_SECONDS
    while time.monotonic() < deadline:
        state = read_state(home)
        if state.is_running and state.supervisor is not None:
            return state.supervisor
        time.sleep(POLL_SECONDS)
    raise StackError(f"A supervisor runs in {home.path} but says nothing. Look into {home.log_of(SUPERVISOR)}.")


def wait_until_up(home: Home, supervisor: ProcessIdentity, show: Show) -> StackState:
    """Return when every process of the wanted scale is ready; raise when that is not to be expected."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        alive = supervisor.is_alive()
        state = read_state(home)
        if state.supervisor == supervisor:
            show(state)
            complain(home, state)
            if state.is_up and state.scale == read_scale(home):
                return state
        if not alive:
            raise StackError(f"The supervisor ended. Its log is {home.log_of(SUPERVISOR)}.")
        if time.monotonic() > deadline:
            raise PartNotReady(not_ready(state))
        time.sleep(POLL_SECONDS)


def complain(home: Home, state: StackState) -> None:
    """Raise what keeps the stack from coming up."""
    if state.phase == "failed":
        raise StackError(state.problem or "The supervisor failed.")
    for process in state.processes:
        if process.condition == "crash-looping":
            raise ProcessNotUp(process, str(home.log_of(process.name)))


def not_ready(state: StackState) -> str:
    """Which processes are still awaited."""
    late = ", ".join(state.awaited()) or "the supervisor"
    return f"Not ready after {START_SECONDS:.0f} s: {late}. See `pixelmill logs`."


def bring_down(home: Home) -> bool:
    """Stop everything of this home, and nothing else. False when nothing ran."""
    if not home.path.exists():
        return False
    if not is_supervised(home):
        return stop_leftovers(home) > 0
    supervisor = living_supervisor(home)
    supervisor.send(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while is_supervised(home) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    if supervisor.send(signal.SIGKILL):
        stop_leftovers(home)
    return True
