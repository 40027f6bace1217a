"""Memory of every process of a stack, by its name: what it holds alone and its share of what it holds with others."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.home import Home
from deploy.embedded.process_identity import ProcessIdentity
from deploy.embedded.stack_state import read_state

PARTS = frozenset({"kafka", "postgres", "s3"})
MEGABYTE = 1000 * 1000
KIBIBYTE = 1024


@dataclass
class Course:
    """How the memory of one process went, in bytes. `settled` is taken when it has warmed up."""

    first: int
    last: int
    most: int
    settled: int | None = None

    @property
    def growth(self) -> int:
        """What came after warming up."""
        return 0 if self.settled is None else max(0, self.last - self.settled)


class MemoryCourses:
    """Takes samples of all processes of a home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.courses: dict[str, Course] = {}

    def look(self, *, is_warm: bool) -> None:
        """Take one sample; the first one that is warm is what later ones are measured against."""
        for process in read_state(self._home).processes:
            if process.identity is None or not (held := held_by(process.identity)):
                continue
            course = self.courses.setdefault(process.name, Course(held, held, held))
            course.last, course.most = held, max(course.most, held)
            if is_warm and course.settled is None:
                course.settled = held

    def grown(self, most_bytes: int) -> list[str]:
        """The services, not the servers that they use, that grew by more than this after warming up."""
        return [name for name, course in self.courses.items() if name not in PARTS and course.growth > most_bytes]

    def report(self) -> dict[str, dict[str, float]]:
        """First, settled, last and most, in MB."""
        return {
            name: {
                "first": _megabytes(course.first),
                "settled": _megabytes(course.settled or course.last),
                "last": _megabytes(course.last),
                "max": _megabytes(course.most),
            }
            for name, course in self.courses.items()
        }


def held_by(leader: ProcessIdentity) -> int:
    """Proportional set size of a process and of all that it started, in bytes."""
    return sum(proportional_set_size(pid) for pid in with_descendants(leader.pid))


def with_descendants(pid: int) -> Iterator[int]:
    """A process, its children, and theirs. A session would not do: Postgres gives each backend one of its own."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = children.read_text("ascii").split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in found:
            yield from with_descendants(int(child))


def proportional_set_size(pid: int) -> int:
    """0 for a process that has just ended; the whole resident set of one that shows its maps to root alone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    except PermissionError:
        return _resident_set_size(pid)
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * KIBIBYTE for line in lines if line.startswith("Pss:")), 0)


def _resident_set_size(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _megabytes(count: int) -> float:
    return round(count / MEGABYTE, 1)
