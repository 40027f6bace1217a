"""Kafka, Postgres and an S3 server for tests: our own in a temporary home, or those that the environment names.

`PIXELMILL_TEST_STACK` chooses: `embedded` (the default). A part whose address is set in the environment
(`KAFKA_BOOTSTRAP_SERVERS`, `DATABASE_URL`, `S3_ENDPOINT` with its keys) is used as it is.
"""

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import asyncpg

from deploy.embedded.child_process import ChildProcess
from deploy.embedded.free_ports import PortReservations
from deploy.embedded.home import Home
from deploy.embedded.part import Part
from deploy.embedded.stack_parts import External, StackParts, assemble
from deploy.embedded.stack_ports import choose_ports
from deploy.embedded.stack_secrets import load_secrets
from tests.waiting import until

T = TypeVar("T")
START_SECONDS = 180.0
EXTERNAL_SETTINGS = ("KAFKA_", "DATABASE_URL", "S3_")


class StackForTests(Protocol):
    """What a test needs of the three parts."""

    def environment(self) -> dict[str, str]:
        """The settings with which services reach the parts. Nothing is prepared: no table, topic or bucket."""
        ...


class EmbeddedParts:
    """The parts in a home of their own, started together and stopped together."""

    def __init__(self, home: Home, environment: Mapping[str, str]) -> None:
        home.create()
        self.home = home
        self._inherited = dict(environment)
        self._reservations = PortReservations()
        ports = choose_ports(External.of(environment).port_names(), self._reservations, {})
        self.parts: StackParts = assemble(home, ports, load_secrets(home), environment)
        self.children: dict[str, ChildProcess] = {}

    def environment(self) -> dict[str, str]:
        """What the parts bring, and what the environment says of external ones."""
        external = {name: value for name, value in self._inherited.items() if name.startswith(EXTERNAL_SETTINGS)}
        return {**external, **self.parts.settings, "PIXELMILL_HOME": str(self.home.path)}

    def part(self, name: str) -> Part:
        """The part with this name."""
        return next(part for part in self.parts.parts if part.name == name)

    async def start(self) -> None:
        """Start all parts at once; return when all serve."""
        await asyncio.gather(*(self.start_part(part) for part in self.parts.parts))

    async def start_part(self, part: Part) -> None:
        """Start one part; return when it serves."""
        child = self.children[part.name] = await part.start()

        async def ready() -> bool:
            assert child.exit_code is None, self.home.log_of(part.name).read_text()[-3000:]
            return await part.is_ready()

        await until(ready, seconds=START_SECONDS, what=f"{part.name} is ready")

    async def hurry(self) -> None:
        """Let Postgres not wait for the disk. A killed process loses nothing by it, only a machine that fails would."""
        if "postgres" not in self.children:
            return
        connection = await asyncpg.connect(self.environment()["DATABASE_URL"])
        try:
            await connection.execute("ALTER SYSTEM SET fsync = off")
            await connection.execute("SELECT pg_reload_conf()")
        finally:
            await connection.close()

    async def stop(self) -> None:
        """Stop all parts at once and let go of their ports."""
        await asyncio.gather(*(self.part(name).stop(child) for name, child in self.children.items()))
        self.children.clear()
        self._reservations.close()


class LoopThread:
    """An event loop in a thread of its own that lives as long as the children that it starts."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stack")
        self._thread.start()

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run something in that thread and wait for it."""
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result()

    def close(self) -> None:
        """End the loop and the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextmanager
def temporary_home() -> Iterator[Home]:
    """A home that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pixelmill-test-"))
    try:
        yield Home(folder)
    finally:
        shutil.rmtree(folder)


@contextmanager
def running_stack() -> Iterator[StackForTests]:
    """The stack that the environment asks for, while the block runs."""
    choice = os.environ.get("PIXELMILL_TEST_STACK", "embedded")
    assert choice == "embedded", f"PIXELMILL_TEST_STACK={choice} is unknown"
    with temporary_home() as home:
        thread = LoopThread()
        stack = EmbeddedParts(home, os.environ)
        try:
            thread.run(stack.start)
            thread.run(stack.hurry)
            yield stack
        finally:
            thread.run(stack.stop)
            thread.close()
