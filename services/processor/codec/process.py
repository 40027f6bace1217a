"""One codec process, as its parent sees it: it takes one job at a time over a connection that nobody shares.

A process that is killed or stopped, whenever that happens, harms the one job that it has.
"""

import asyncio
import os
import signal
from multiprocessing import get_context
from typing import Final, cast

from services.processor.codec.child import READY, Answer, Hears, Task, serve

_spawning: Final = get_context("spawn")


class Died(Exception):
    """The process ended without an answer."""

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(f"the codec process ended with {exit_code}")
        self.exit_code = exit_code

    @property
    def ran_out_of_time(self) -> bool:
        return self.exit_code == -signal.SIGPROF


class CodecProcess:
    """Started at once, ready a little later. Its answers are small enough to arrive whole or not at all."""

    def __init__(self, memory_bytes: int) -> None:
        # Started on the thread of the loop: the kernel kills the child when the thread that started it ends.
        self._connection, other_end = _spawning.Pipe()
        self._process = _spawning.Process(target=serve, args=(other_end, os.getpid(), memory_bytes), daemon=True)
        try:
            self._process.start()
        except OSError:
            self._connection.close()
            raise
        finally:
            other_end.close()
        self._is_ready = False
        self.tasks = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    async def be_ready(self, *, seconds: float) -> None:
        """Return when it takes tasks. Raises `Died`, or `TimeoutError` when it is too slow."""
        if not self._is_ready:
            self._is_ready = await self._received(seconds) == READY

    async def do(self, task: Task, *, seconds: float) -> Answer:
        """Hand over a task and return its answer. Raises `Died`, or `TimeoutError` when there is none in time."""
        self.tasks += 1
        try:
            self._connection.send(task)
        except OSError as error:
            raise await self._death() from error
        answer = await self._received(seconds)
        assert not isinstance(answer, str), "a process is ready once"
        return answer

    async def kill(self) -> None:
        """End it, whatever it does, and forget it."""
        self._process.kill()
        await asyncio.to_thread(self._process.join)
        self._connection.close()
        self._process.close()

    async def _received(self, seconds: float) -> Hears:
        loop, number = asyncio.get_running_loop(), self._connection.fileno()
        readable = asyncio.Event()
        loop.add_reader(number, readable.set)
        try:
            async with asyncio.timeout(seconds):
                await readable.wait()
        except TimeoutError:
            # An answer that came while this process stood still counts.
            if not self._connection.poll():
                raise
        finally:
            loop.remove_reader(number)
        try:
            return cast(Hears, self._connection.recv())
        except (EOFError, OSError) as error:
            raise await self._death() from error

    async def _death(self) -> Died:
        self._process.kill()
        await asyncio.to_thread(self._process.join)
        return Died(self._process.exitcode)
