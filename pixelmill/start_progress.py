"""Shows how a stack comes up: one line that changes on a terminal, a line for each step elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from deploy.embedded.stack_state import StackState


class StartProgress:
    """Told every state that is seen; says what is new."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = Status("Starting", console=console)
        self._started = time.monotonic()
        self._told: set[str] = set()
        self._looks = 0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()

    def show(self, state: StackState) -> None:
        """Tell which processes became ready, and what is awaited."""
        awaited = state.awaited()
        ready = {process.name for process in state.processes} - set(awaited)
        # What was ready at the first look was not started by this command.
        if self._looks:
            for name in sorted(ready - self._told):
                seconds = time.monotonic() - self._started
                self._console.print(f"  {name:<14} ready after {seconds:4.1f} s", highlight=False)
        self._told |= ready
        self._looks += 1
        self._status.update(f"Waiting for {', '.join(awaited) or 'the supervisor'}")
