"""The commands for the stack itself: up, down, ps, logs, env, migrate, topics."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from deploy.embedded.errors import StackError
from deploy.embedded.home import Home
from deploy.embedded.log_files import follow, last_lines
from deploy.embedded.process_identity import ProcessIdentity
from deploy.embedded.services import MOST_PROCESSES
from deploy.embedded.stack_control import (
    ProcessNotUp,
    Wanted,
    bring_down,
    is_supervised,
    launch,
    living_supervisor,
    rescale,
    starting_alone,
    wait_until_up,
)
from deploy.embedded.stack_state import StackState, read_state
from pixelmill.exit_codes import ExitCode
from pixelmill.home_folder import this_home
from pixelmill.preparing import run_preparation
from pixelmill.stack_display import (
    exports,
    print_json,
    process_record,
    show_addresses,
    show_processes,
    show_trouble,
    who_is_let_in,
)
from pixelmill.start_progress import StartProgress

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Count = Annotated[int | None, typer.Option(min=1, max=MOST_PROCESSES, help="How many processes. Default 1.")]
FOLLOW_SECONDS: Final = 0.2


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (up, down, ps, logs, env, migrate, topics):
        app.command()(command)


def up(
    *,
    processors: Count = None,
    aggregators: Count = None,
    fixed_ports: Annotated[bool, typer.Option("--fixed-ports", help="Insist on the standard ports.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start everything; return when all is ready.

    Starts Kafka, Postgres, an S3 server and the services under a supervisor that restarts whatever dies.

    While it runs, another `up --processors N --aggregators N` changes the numbers. A part whose address is set
    (KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL, S3_ENDPOINT) is used instead of being started.
    """
    home, console = this_home(os.environ), Console(stderr=True, soft_wrap=True)
    home.create()
    home.require_space()
    wanted = Wanted(processors, aggregators, fixed_ports)
    with starting_alone(home, lambda: console.print("Another `pixelmill up` is at work here; waiting for it.")):
        ran_before = is_supervised(home)
        state = _bring_up(home, wanted, console, ran_before=ran_before)
    if as_json:
        print_json({"home": str(home.path), "already_running": ran_before, "settings": dict(state.settings)})
        return
    console.print(f"Pixelmill {'is already running' if ran_before else 'is up'} in {home.path}", highlight=False)
    show_addresses(Console(soft_wrap=True), state)
    console.print(who_is_let_in(state.settings), highlight=False, markup=False)


def _bring_up(home: Home, wanted: Wanted, console: Console, *, ran_before: bool) -> StackState:
    if ran_before:
        rescale(home, wanted)
        supervisor = living_supervisor(home)
    else:
        supervisor = launch(home, wanted, os.environ)
    with StartProgress(console) as progress:
        try:
            return wait_until_up(home, supervisor, progress.show)
        except ProcessNotUp as problem:
            show_trouble(console, problem.process)
            raise StackError(f"{problem} The rest goes on; `pixelmill down` stops it.") from problem
        except KeyboardInterrupt:
            if not ran_before:
                _withdraw(supervisor)
            raise


def _withdraw(supervisor: ProcessIdentity) -> None:
    """Whoever interrupts `up` does not want what it was starting."""
    supervisor.send(signal.SIGTERM)
    while supervisor.is_alive():
        time.sleep(FOLLOW_SECONDS)


def down(*, as_json: AsJson = False) -> None:
    """Stop all that `up` started; data stays."""
    home = this_home(os.environ)
    stopped = bring_down(home)
    if as_json:
        print_json({"home": str(home.path), "stopped": stopped})
    else:
        sys.stdout.write(f"{'Stopped everything' if stopped else 'Nothing runs'} in {home.path}\n")


def ps(*, as_json: AsJson = False) -> None:
    """Show what runs, since when, where, and what is wrong."""
    home = this_home(os.environ)
    state = read_state(home)
    running = state.is_running
    if as_json:
        processes = [process_record(process) for process in state.processes] if running else []
        print_json({"home": str(home.path), "phase": _phase(state), "processes": processes})
    elif running:
        show_processes(Console(soft_wrap=True), state)
    else:
        sys.stdout.write(f"{_why_nothing_runs(state)} in {home.path}\n")


def _phase(state: StackState) -> str:
    if state.is_running:
        return state.phase
    return "failed" if state.phase == "failed" else "stopped"


def _why_nothing_runs(state: StackState) -> str:
    """A supervisor that did not say goodbye was killed, or the machine was restarted."""
    if state.phase in ("stopped", "failed"):
        return "Nothing runs"
    return "Nothing runs any more (the supervisor was killed; `pixelmill up` goes on with the data)"


def logs(
    service: Annotated[str, typer.Argument(help="A name that `pixelmill ps` shows, or `supervisor`.")],
    *,
    follow_on: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is appended.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines from the end.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the log of one process."""
    home = this_home(os.environ)
    path = home.log_of(service)
    known = sorted(log.stem for log in home.logs.glob("*.log"))
    if service not in known:
        raise typer.BadParameter(f"There is no log of {service}. There are: {', '.join(known) or 'none yet'}.")
    shown = last_lines(path, lines)
    if as_json:
        print_json({"service": service, "path": str(path), "lines": shown})
        return
    sys.stdout.write("".join(f"{line}\n" for line in shown))
    if follow_on:
        _follow(path)


def _follow(path: Path) -> None:
    for piece in follow(path):
        sys.stdout.write(piece)
        sys.stdout.flush()
        time.sleep(FOLLOW_SECONDS)


def env(*, as_json: AsJson = False) -> None:
    """Print the settings of the running stack, its secrets too.

    As lines for a shell: eval "$(pixelmill env)"
    """
    home = this_home(os.environ)
    state = read_state(home)
    if not state.is_running or not state.settings:
        sys.stderr.write(f"pixelmill: nothing runs in {home.path}. Start it with `pixelmill up`.\n")
        raise typer.Exit(ExitCode.SERVER_UNREACHABLE)
    if as_json:
        print_json(dict(state.settings))
    else:
        sys.stdout.write(exports(state.settings))


def migrate(*, as_json: AsJson = False) -> None:
    """Create missing tables and buckets.

    Applies the migrations that are outstanding. Safe to run twice.
    """
    _report_preparation(["postgres", "s3"], as_json=as_json)


def topics(*, as_json: AsJson = False) -> None:
    """Create missing topics.

    Safe to run twice. A changed number of partitions is refused.
    """
    _report_preparation(["kafka"], as_json=as_json)


def _report_preparation(parts: list[str], *, as_json: bool) -> None:
    done = run_preparation(this_home(os.environ), parts, os.environ)
    if as_json:
        print_json({"done": done})
    else:
        sys.stdout.write("".join(f"{line}\n" for line in done))
