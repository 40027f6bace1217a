"""One process of a service, run with this interpreter."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.child_process import ChildProcess, Program
from deploy.embedded.free_ports import LOOPBACK
from deploy.embedded.home import Home
from deploy.embedded.loopback_http import status_of
from deploy.embedded.python_module import command_of, importing
from deploy.embedded.service_secrets import told_to
from deploy.embedded.services import ServiceProgram

OK = 200
# A service stops taking work, finishes what is in flight and commits.
DRAIN_SECONDS = 25.0


@dataclass(frozen=True, kw_only=True)
class ServiceProcess:
    """Answers HTTP on a port of the loopback address; `/readyz` says when it works."""

    home: Home
    program: ServiceProgram
    port: int
    environment: Mapping[str, str]

    @property
    def name(self) -> str:
        """The process's name; it is also its name in its consumer groups."""
        return self.program.name

    async def start(self) -> ChildProcess:
        """Start the process where the supervisor stands, so that relative paths in settings hold."""
        own = {"HTTP_HOST": LOOPBACK, "HTTP_PORT": str(self.port), "KAFKA_GROUP_INSTANCE_ID": self.name}
        return await ChildProcess.start(
            Program(
                command=command_of(self.program.module, *self.program.roles),
                folder=Path.cwd(),
                environment={**importing(told_to(self.program.service, self.environment)), **own},
                log=self.home.log_of(self.name),
            )
        )

    async def is_ready(self) -> bool:
        """Whether its parts answer and it works."""
        return await status_of(self.port, "/readyz") == OK

    async def stop(self, child: ChildProcess) -> None:
        """Let it drain; kill it when that takes too long."""
        await child.stop(grace_seconds=DRAIN_SECONDS)
