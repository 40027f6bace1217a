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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from services.processor.codec.believed import believed
from services.processor.codec.job import Answer, Task
from services.processor.codec.messages import MAX_MESSAGE_BYTES, landlock_of, send_task

MODULE: Final = "services.processor.codec"
_MAX_LAST_BYTES: Final = 64 * 1024
_MAX_LAST_WORDS: Final = 300


class Died(Exception):
    """The process ended without an answer. `last_words` are the last line on its standard error, of ASCII."""

    def __init__(self, exit_code: int | None, last_words: str = "") -> None:
        super().__init__(f"the codec process ended with {exit_code}: {last_words or 'it said nothing'}")
        self.exit_code = exit_code
        self.last_words = last_words

    @property
    def ran_out_of_time(self) -> bool:
        return self.exit_code == -signal.SIGPROF

    @property
    def gave_up(self) -> bool:
        """No signal ended it."""
        return self.exit_code is not None and self.exit_code > 0


class CodecProcess:
    """Started at once, ready a little later. It inherits a socket and a pipe for its last words, nothing else."""

    def __init__(self, memory_bytes: int, *, library_path: str = "", program: Sequence[str] = ("-m", MODULE)) -> None:
        # Started on the thread of the loop: the kernel kills the child when the thread that started it ends.
        self._channel, other_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Who does not read his tasks must not hold up the loop. Nor does a full pipe hold up an honest process.
        self._channel.setblocking(False)
        self._last_words, words = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._process = _started(
                [*program, str(memory_bytes)], other_end, words, environment=_environment(library_path)
            )
        except OSError:
            self._close()
            raise
        finally:
            other_end.close()
            os.close(words)
        self.landlock: int | None = None
        self.tasks = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_fit(self) -> bool:
        """Say whether it lives and waits for a task: one that answers before it is asked is not to be believed."""
        return not self._has_ended() and (self.landlock is None or not self._said())

    async def be_ready(self, *, seconds: float) -> None:
        """Return when it takes tasks. Raises `Died`, or `TimeoutError` when it is too slow.

        Then `landlock` is the version that confines it, 0 for none.
        """
        if self.landlock is None:
            self.landlock = landlock_of(await self._received(seconds))
        if self.landlock is None:
            raise await self._death()

    async def do(self, task: Task, *, seconds: float) -> Answer:
        """Hand over a task and return its answer.

        Raises `Died`, `TimeoutError` when there is no answer in time, or another `OSError` when the task could not be
        handed over for a reason of ours.
        """
        self.tasks += 1
        try:
            send_task(self._channel, task)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise await self._death() from error
        said = await self._received(seconds)
        try:
            return believed(said, task.job)
        except ValueError as error:
            raise await self._death() from error

    async def kill(self) -> None:
        """End it with what it started, whatever they do, and forget it."""
        await self._ended()
        self._close()

    async def _received(self, seconds: float) -> bytes:
        loop, number = asyncio.get_running_loop(), self._channel.fileno()
        said = loop.create_future()

        def read() -> None:
            # At once: a socket that is left readable wakes the loop again and again.
            loop.remove_reader(number)
            said.set_result(self._said())

        loop.add_reader(number, read)
        try:
            await asyncio.wait([said], timeout=seconds)
        finally:
            loop.remove_reader(number)
        # An answer that came while this process stood still counts, whichever of the two was noticed first.
        if answer := said.result() if said.done() else self._said():
            return answer
        if not said.done():
            raise TimeoutError
        raise await self._death()

    def _said(self) -> bytes:
        """One message; nothing when there is none, or will be none any more."""
        try:
            return self._channel.recv(MAX_MESSAGE_BYTES)
        except OSError:
            return b""

    async def _death(self) -> Died:
        return Died(await self._ended(), _last_line(self._last_words))

    async def _ended(self) -> int:
        # The group has its leader's number only for as long as nobody waited for the leader.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        return await asyncio.to_thread(self._process.wait)

    def _has_ended(self) -> bool:
        """It does not wait for the process, which would give its number away."""
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def _close(self) -> None:
        self._channel.close()
        os.close(self._last_words)


def _last_line(pipe: int) -> str:
    """Whatever a picture may have written there, it is one line that harms no log."""
    with suppress(BlockingIOError):
        lines = os.read(pipe, _MAX_LAST_BYTES).decode("ascii", "backslashreplace").split("\n")
        said = [line for line in lines if line.strip()]
        return "".join(filter(str.isprintable, said[-1]))[:_MAX_LAST_WORDS] if said else ""
    return ""


def _started(
    program: Sequence[str], channel: socket.socket, words: int, *, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *program, str(channel.fileno()), str(os.getpid())],
        env=environment,
        stdin=subprocess.DEVNULL,
        # What it prints must not look like a line of the processor's log.
        stdout=subprocess.DEVNULL,
        stderr=words,
        pass_fds=[channel.fileno()],
        # What a terminal or a shell sends to the parent's group (SIGINT, and SIGCONT when the group is orphaned) means
        # the parent, which still wants its pictures. What the child starts is ended with its group.
        process_group=0,
    )


def _environment(library_path: str) -> dict[str, str]:
    """What Python needs to find its files, and nothing else."""
    known = {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "LD_LIBRARY_PATH": library_path,
        "PYTHONPYCACHEPREFIX": sys.pycache_prefix or "",
        "PYTHONDONTWRITEBYTECODE": "1" if sys.dont_write_bytecode else "",
    }
    return {name: value for name, value in known.items() if value}
