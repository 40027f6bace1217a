"""What the supervisor and the tests need of a part of the stack."""

from typing import Protocol

from deploy.embedded.child_process import ChildProcess


class Part(Protocol):
    """One server or service: it is started, asked whether it is ready, and stopped. Starting again keeps its data."""

    @property
    def name(self) -> str:
        """The name in `ps`, in `logs` and of the log file."""
        ...

    @property
    def port(self) -> int:
        """Where clients reach it, on the loopback address."""
        ...

    async def start(self) -> ChildProcess:
        """Prepare what is missing and start the process."""
        ...

    async def is_ready(self) -> bool:
        """Whether clients are served now."""
        ...

    async def stop(self, child: ChildProcess) -> None:
        """End the process in the way that suits it, for sure."""
        ...
