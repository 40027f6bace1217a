"""A process, named so that its number can never mean another one: number and time of start."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessIdentity:
    """A process number and the clock tick, since boot, at which that process started."""

    pid: int
    started: int

    def is_alive(self) -> bool:
        """Whether this very process still runs. One that has ended but was not collected does not."""
        stat = read_stat(self.pid)
        return stat is not None and stat.started == self.started and stat.state not in "ZX"

    def send(self, number: signal.Signals) -> bool:
        """Signal this process, and no other that has its number now. Says whether it was there."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            return self._send_through(handle, number)
        finally:
            os.close(handle)

    def _send_through(self, handle: int, number: signal.Signals) -> bool:
        """The handle pins the process, so the check still holds when the signal is sent."""
        if not self.is_alive():
            return False
        try:
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        return True


@dataclass(frozen=True)
class Stat:
    """The fields of /proc/<pid>/stat that matter here."""

    pid: int
    state: str
    session: int
    cpu_ticks: int
    started: int
    resident_pages: int


def read_stat(pid: int) -> Stat | None:
    """What the kernel says about a process, None when there is none with this number."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # The name of the program stands in parentheses and may contain anything.
    fields = text.rpartition(")")[2].split()
    return Stat(pid, fields[0], int(fields[3]), int(fields[11]) + int(fields[12]), int(fields[19]), int(fields[21]))


def identify(pid: int) -> ProcessIdentity | None:
    """The identity of the process that has this number now."""
    stat = read_stat(pid)
    return None if stat is None else ProcessIdentity(pid, stat.started)


def members_of_session(leader: ProcessIdentity) -> Iterator[ProcessIdentity]:
    """Every living process of the session that this process opened, also when it is gone itself.

    A number is not given to a new process while a session still bears it. So when another process has the
    leader's number, nothing of the session is left.
    """
    now = read_stat(leader.pid)
    if now is not None and now.started != leader.started:
        return
    for entry in PROC.iterdir():
        stat = read_stat(int(entry.name)) if entry.name.isdigit() else None
        if stat is not None and stat.session == leader.pid and stat.state not in "ZX":
            yield ProcessIdentity(stat.pid, stat.started)


def kill_session(leader: ProcessIdentity) -> int:
    """Kill whatever is left of a session. Says how many processes there were."""
    return sum(member.send(signal.SIGKILL) for member in members_of_session(leader))
