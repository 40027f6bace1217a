"""How the stack looks on a terminal."""

import json
import os
import shlex
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from deploy.embedded.process_identity import ProcessIdentity, members_of_session, read_stat
from deploy.embedded.services import PUBLIC_URLS
from deploy.embedded.stack_state import ProcessState, StackState

COLOURS: Final = {"ready": "green", "crash-looping": "bold red", "restarting": "red", "starting": "yellow"}
ADDRESSES: Final = (*PUBLIC_URLS.values(), "KAFKA_BOOTSTRAP_SERVERS", "S3_ENDPOINT", "DATABASE_URL")
MEBIBYTE: Final = 1024 * 1024
MINUTE: Final = 60
HOUR: Final = 3600


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def process_record(process: ProcessState) -> dict[str, Any]:
    """A process as `ps --json` shows it."""
    usage = usage_of(process.identity) if process.identity else {"cpu_seconds": None, "memory_bytes": None}
    return {
        "name": process.name,
        "pid": process.identity.pid if process.identity else None,
        "state": process.condition,
        "uptime_seconds": round(time.time() - process.since, 1) if process.identity else None,
        "restarts": process.restarts,
        "port": process.port,
        **usage,
        "last_exit": process.last_exit,
        "last_lines": list(process.last_lines),
    }


def usage_of(leader: ProcessIdentity) -> dict[str, float | int]:
    """What a process and everything in its session have used of the processor, and hold of the memory."""
    stats = [read_stat(member.pid) for member in members_of_session(leader)]
    present = [stat for stat in stats if stat is not None]
    ticks, pages = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu_seconds": round(sum(stat.cpu_ticks for stat in present) / ticks, 2),
        "memory_bytes": sum(stat.resident_pages for stat in present) * pages,
    }


def show_processes(console: Console, state: StackState) -> None:
    """The table of `ps`, and what is wrong below it."""
    table = Table("NAME", "PID", "STATE", "UPTIME", "RESTARTS", "PORT", "CPU", "MEMORY", box=None, pad_edge=False)
    for process in state.processes:
        if process.condition != "done":
            table.add_row(*row(process_record(process)))
    console.print(table)
    for process in state.processes:
        if process.condition in ("crash-looping", "restarting"):
            show_trouble(console, process)


def row(record: Mapping[str, Any]) -> list[str]:
    """One line of the table."""
    colour = COLOURS.get(record["state"], "default")
    return [
        record["name"],
        text(record["pid"]),
        f"[{colour}]{record['state']}[/]",
        duration(record["uptime_seconds"]),
        str(record["restarts"]),
        text(record["port"]),
        duration(record["cpu_seconds"]),
        f"{record['memory_bytes'] // MEBIBYTE} MB" if record["memory_bytes"] else "-",
    ]


def text(value: int | None) -> str:
    """A number, or a dash."""
    return "-" if value is None else str(value)


def duration(seconds: float | None) -> str:
    """Seconds, minutes or hours, whatever reads best."""
    if seconds is None:
        return "-"
    if seconds < MINUTE:
        return f"{seconds:.0f}s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f}m"
    return f"{seconds / HOUR:.1f}h"


def show_trouble(console: Console, process: ProcessState) -> None:
    """Why a process does not run, with the last lines of its log."""
    console.print(f"\n{process.name} is {process.condition}: {process.last_exit}", style="red", markup=False)
    for line in process.last_lines:
        console.print(f"  {line}", markup=False, highlight=False)


def show_addresses(console: Console, state: StackState) -> None:
    """Where everything listens."""
    for name in ADDRESSES:
        if name in state.settings:
            console.print(f"  {name:<24} {without_password(state.settings[name])}", highlight=False, markup=False)


def who_is_let_in(settings: Mapping[str, str]) -> str:
    """What the stack asks of its callers, in a sentence."""
    if settings.get("AUTH") == "required":
        return "API keys are asked for. Make one: pixelmill keys create --owner NAME"
    return (
        "Authentication is off: whoever reaches these loopback addresses is the owner `local`, and an operator. "
        "`AUTH=required pixelmill up` asks for API keys."
    )


def without_password(address: str) -> str:
    """An address as it may stand on a screen; `env` prints it whole."""
    scheme, at, place = address.rpartition("@")
    user, colon, _ = scheme.removeprefix("postgresql://").partition(":")
    return f"postgresql://{user}:***@{place}" if at and colon else address


def exports(settings: Mapping[str, str]) -> str:
    """Lines for the shell's `eval`."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(settings.items()))
