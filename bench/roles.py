"""What each role of a stack costs: CPU time, and memory at its peak."""

import re
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Final, NamedTuple, Self

from bench.process_cpu import ended_children_cpu_seconds, own_cpu_seconds
from bench.process_memory import MEGABYTE, proportional_set_size, with_descendants
from deploy.embedded.home import Home
from deploy.embedded.stack_state import read_state

# A look costs some 50 ms of CPU, which is then not that of the work.
LOOK_SECONDS: Final = 3.0
CODEC: Final = "codec"
PROCESSOR: Final = "processor"
SUPERVISOR: Final = "supervisor"
SOURCE: Final = "source server"
NUMBER: Final = re.compile(r"-\d+$")


class Place(NamedTuple):
    """One process and the role that it plays."""

    role: str
    pid: int


class RoleCosts:
    """Counts while it is entered. Processes that are restarted meanwhile are not counted right."""

    def __init__(self, home: Home, source_pid: int | None = None) -> None:
        self._home = home
        self._source_pid = source_pid
        self._before: dict[Place, float] = {}
        self._after: dict[Place, float] = {}
        self._peaks: dict[str, int] = {}
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._look_again_and_again, daemon=True)

    def __enter__(self) -> Self:
        self._before = self._cpu()
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._after = self._cpu()
        self._stop.set()
        self._watch.join()
        self._look_at_memory()

    def cpu_seconds(self) -> dict[str, float]:
        """By role."""
        seconds: dict[str, float] = {}
        for place, after in self._after.items():
            seconds[place.role] = seconds.get(place.role, 0.0) + after - self._before.get(place, 0.0)
        return dict(sorted(seconds.items()))

    def cpu_ms(self, images: int) -> dict[str, float]:
        """Milliseconds for each of so many images by role, all roles together, and all but the codec."""
        each = {role: 1000 * spent / images for role, spent in self.cpu_seconds().items()}
        total = sum(each.values())
        return {
            **{role: round(spent, 2) for role, spent in each.items()},
            "all": round(total, 2),
            "all_but_codec": round(total - each.get(CODEC, 0.0), 2),
        }

    def memory_mb(self) -> dict[str, float]:
        """The largest sum of proportional set sizes of each role; the processor's includes its codec processes."""
        return {role: round(most / MEGABYTE, 1) for role, most in sorted(self._peaks.items())}

    def _cpu(self) -> dict[Place, float]:
        seconds: dict[Place, float] = {}
        for place in self._places():
            seconds[place] = own_cpu_seconds(place.pid)
            # A codec process is replaced after some hundred pictures.
            of_children = Place(CODEC, place.pid) if place.role == PROCESSOR else place
            seconds[of_children] = seconds.get(of_children, 0.0) + ended_children_cpu_seconds(place.pid)
        return seconds

    def _look_again_and_again(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self._look_at_memory()

    def _look_at_memory(self) -> None:
        held: dict[str, int] = {}
        for role, pid in self._places():
            holder = PROCESSOR if role == CODEC else role
            held[holder] = held.get(holder, 0) + proportional_set_size(pid)
        for holder, now in held.items():
            self._peaks[holder] = max(self._peaks.get(holder, 0), now)

    def _places(self) -> Iterator[Place]:
        state = read_state(self._home)
        if state.supervisor is not None:
            yield Place(SUPERVISOR, state.supervisor.pid)
        if self._source_pid is not None:
            yield from (Place(SOURCE, pid) for pid in with_descendants(self._source_pid))
        for process in state.processes:
            if process.identity is None:
                continue
            role, leader = NUMBER.sub("", process.name), process.identity.pid
            for pid in with_descendants(leader):
                is_codec = role == PROCESSOR and pid != leader
                yield Place(CODEC if is_codec else role, pid)
