"""CPU time of every process of a stack, by its name, with all that it started."""

import os
from pathlib import Path
from typing import Final

from bench.process_memory import with_descendants
from deploy.embedded.home import Home
from deploy.embedded.stack_state import read_state

TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
# Of proc_pid_stat(5), counted behind the command's name: time in user and kernel mode, its own and of ended children.
_OWN: Final = slice(11, 13)
_OF_ENDED_CHILDREN: Final = slice(13, 15)


class ProcessCpu:
    """Seconds of CPU since the first look."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._first: dict[str, float] = {}
        self.seconds: dict[str, float] = {}

    def look(self) -> None:
        """Take a sample. A process that was restarted counts from its restart on."""
        for process in read_state(self._home).processes:
            if process.identity is None:
                continue
            used = sum(cpu_seconds(pid) for pid in with_descendants(process.identity.pid))
            first = min(self._first.get(process.name, used), used)
            self._first[process.name] = first
            self.seconds[process.name] = used - first

    def per_image_ms(self, images: int) -> dict[str, float]:
        """Milliseconds for each of so many images, by process and in all."""
        each = {name: round(1000 * seconds / max(1, images), 2) for name, seconds in self.seconds.items()}
        return {**each, "all": round(1000 * sum(self.seconds.values()) / max(1, images), 2)}


def cpu_seconds(pid: int) -> float:
    """With its ended children; 0 for a process that has just ended."""
    return own_cpu_seconds(pid) + ended_children_cpu_seconds(pid)


def own_cpu_seconds(pid: int) -> float:
    return _seconds(pid, _OWN)


def ended_children_cpu_seconds(pid: int) -> float:
    return _seconds(pid, _OF_ENDED_CHILDREN)


def _seconds(pid: int, fields: slice) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, stat.rpartition(")")[2].split()[fields])) / TICKS_PER_SECOND
