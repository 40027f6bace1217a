"""What is known about a stack: written by its supervisor, read by the commands. It survives everything."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from deploy.embedded.home import Home, write_private
from deploy.embedded.process_identity import ProcessIdentity
from deploy.embedded.services import Scale

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

ProcessCondition = Literal["waiting", "starting", "ready", "restarting", "crash-looping", "stopping", "stopped", "done"]
Phase = Literal["starting", "running", "stopping", "stopped", "failed"]


@dataclass(frozen=True)
class ProcessState:
    """One process: a part, the preparation or a service."""

    name: str
    condition: ProcessCondition = "waiting"
    port: int | None = None
    identity: ProcessIdentity | None = None
    since: float = 0.0
    restarts: int = 0
    last_exit: str | None = None
    last_lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class StackState:
    """One stack as its supervisor last described it."""

    boot_id: str = ""
    supervisor: ProcessIdentity | None = None
    phase: Phase = "stopped"
    problem: str | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    scale: Scale = field(default_factory=Scale)
    processes: tuple[ProcessState, ...] = ()

    @property
    def is_of_this_boot(self) -> bool:
        """Process numbers of an earlier boot mean nothing now."""
        return self.boot_id == this_boot()

    @property
    def is_running(self) -> bool:
        """Whether its supervisor is alive."""
        return self.is_of_this_boot and self.supervisor is not None and self.supervisor.is_alive()

    @property
    def is_up(self) -> bool:
        """Whether everything that is wanted serves now."""
        return self.phase == "running" and not self.awaited()

    def awaited(self) -> list[str]:
        """What does not serve yet, or again."""
        return [process.name for process in self.processes if process.condition not in ("ready", "done")]

    def identities(self) -> list[ProcessIdentity]:
        """All processes that it started, as far as they may still run."""
        if not self.is_of_this_boot:
            return []
        return [process.identity for process in self.processes if process.identity is not None]


def this_boot() -> str:
    """A name for the time since the machine was started."""
    return BOOT_ID.read_text(encoding="ascii").strip()


def write_state(home: Home, state: StackState) -> None:
    """Replace the state in one step."""
    write_private(home.state_file, json.dumps(asdict(state), indent=1), durable=False)


def read_state(home: Home) -> StackState:
    """The last state that was written; the state of a stack that never ran when there is none to be read."""
    try:
        return parse(json.loads(home.state_file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError):
        return StackState()


def parse(record: Mapping[str, Any]) -> StackState:
    """The state in a record of its file."""
    processes = tuple(parse_process(process) for process in record["processes"])
    parsed = {"supervisor": parse_identity(record["supervisor"]), "scale": Scale(**record["scale"])}
    return StackState(**{**record, **parsed, "processes": processes})


def parse_process(record: Mapping[str, Any]) -> ProcessState:
    """One process in a record of the file."""
    identity, lines = parse_identity(record["identity"]), tuple(record["last_lines"])
    return ProcessState(**{**record, "identity": identity, "last_lines": lines})


def parse_identity(record: Mapping[str, int] | None) -> ProcessIdentity | None:
    """A process, or none."""
    return None if record is None else ProcessIdentity(**record)
