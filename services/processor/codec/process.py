"""One codec process, as its parent sees it: it takes one job at a time over a socket that nobody shares.

A process that is killed or stopped, whenever that happens, harms the one job that it has. What it says is believed as
little as the picture that it decodes.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from typing import Final

from pydantic import TypeAdapter, ValidationError

from services.processor.codec.job import Answer, Task
from services.processor.codec.messages import MAX_MESSAGE_BYTES, READY, send_task

MODULE: Final = "services.processor.codec"
_ANSWER: Final = TypeAdapter[Answer](Answer)


class Died(Exception):
    """The process ended without an answer."""

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(f"the codec process ended with {exit_code}")
        self.exit_code = exit_code

    @property
    def ran_out_of_time(self) -> bool:
        return self.exit_code == -signal.SIGPROF

    @property
    def gave_up(self) -> bool:
        """No signal ended it."""
        return self.exit_code is not None and self.exit_code > 0


class CodecProcess:
    """Started at once, ready a little later. It inherits one end of a socket and nothing else: no file, no setting."""

    def __init__(self, memory_bytes: int) -> None:
        # Started on the thread of the loop: the kernel kills the child when the thread that started it ends.
        self._channel, other_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = _started(other_end, memory_bytes)
        except OSError:
            self._channel.close()
            raise
        finally:
            other_end.close()
        self._is_ready = False
        self.tasks = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    async def be_ready(self, *, seconds: float) -> None:
        """Return when it takes tasks. Raises `Died`, or `TimeoutError` when it is too slow."""
        if not self._is_ready:
            self._is_ready = await self._received(seconds) == READY

    async def do(self, task: Task, *, seconds: float) -> Answer:
        """Hand over a task and return its answer. Raises `Died`, or `TimeoutError` when there is none in time."""
        self.tasks += 1
        try:
            send_task(self._channel, task)
        except OSError as error:
            raise await self._death() from error
        said = await self._received(seconds)
        try:
            return _ANSWER.validate_json(said, strict=True)
        except ValidationError as error:
            raise await self._death() from error

    async def kill(self) -> None:
        """End it, whatever it does, and forget it."""
        self._process.kill()
        await asyncio.to_thread(self._process.wait)
        self._channel.close()

    async def _received(self, seconds: float) -> bytes:
        loop, number = asyncio.get_running_loop(), self._channel.fileno()
        readable = asyncio.Event()
        loop.add_reader(number, readable.set)
        try:
            async with asyncio.timeout(seconds):
                await readable.wait()
        except TimeoutError:
            # An answer that came while this process stood still counts.
            if not (said := self._said()):
                raise
            return said
        finally:
            loop.remove_reader(number)
        return self._said() or await self._dead()

    def _said(self) -> bytes:
        """One message; nothing when there is none, or will be none any more."""
        try:
            return self._channel.recv(MAX_MESSAGE_BYTES, socket.MSG_DONTWAIT)
        except OSError:
            return b""

    async def _dead(self) -> bytes:
        raise await self._death()

    async def _death(self) -> Died:
        self._process.kill()
        return Died(await asyncio.to_thread(self._process.wait))


def _started(channel: socket.socket, memory_bytes: int) -> subprocess.Popen[bytes]:
    arguments = [channel.fileno(), os.getpid(), memory_bytes]
    return subprocess.Popen(
        [sys.executable, "-m", MODULE, *map(str, arguments)],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        pass_fds=[channel.fileno()],
    )
