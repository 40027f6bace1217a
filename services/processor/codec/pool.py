"""The pool of codec processes: a picture that hangs, swells or crashes harms itself alone."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from services.processor.codec.job import Answer, Compressed, Failed, Job, Refused, Task
from services.processor.codec.process import CodecProcess, Died
from services.processor.company import Company
from services.processor.metrics import CODEC_PROCESSES_LOST
from shared.errors import DependencyAway, Permanent

log = logging.getLogger(__name__)

DEPENDENCY: Final = "codec"


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """`cpu_seconds` is the processor time that a picture may take; only a broken process is silent much longer.

    `tasks_per_process`: a process is replaced after so many pictures, which ends what leaks.
    """

    processes: int
    cpu_seconds: float
    memory_bytes: int
    tasks_per_process: int = 500
    silent_factor: float = 6.0
    ready_seconds: float = 30.0

    @property
    def silent_seconds(self) -> float:
        """Wall-clock time after which a process is given up."""
        return self.cpu_seconds * self.silent_factor


class _Lost(Exception):
    """The process was lost, for a reason that need not be the picture's; the code is for when it is."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class _Ended(_Lost):
    """The process died; why, nobody knows."""


class _GaveUp(_Ended):
    """The process ended itself, which no other picture and nobody outside can have caused."""


class CodecPool:
    """Runs jobs in processes, each in one of its own.

    A picture whose process died, or never answered, is tried once more while nothing else runs, in a new process: what
    harmed the first may have been someone else. Using up the processor time is the picture's own doing. A process that
    gives up may do so because of a library that repacks, on a picture that can be decoded: it is only encoded then.
    So is a picture whose process dies while nothing else runs. Others keep their packing: the same job gives the same
    bytes, whoever else is about.
    """

    def __init__(self, limits: PoolLimits, *, start: Callable[[int], CodecProcess] = CodecProcess) -> None:
        self._limits = limits
        self._start = start
        self._has_told_of_its_box = False
        self._company = Company()
        self._places = asyncio.Semaphore(limits.processes)
        self._idle: list[CodecProcess] = []
        self._ending: set[asyncio.Task[None]] = set()

    async def compress(self, job: Job) -> Compressed:
        """Do one job. Raises `Permanent` with the picture's fault, `DependencyAway` when no process can be had."""
        try:
            async with self._company.together():
                answer = await self._done_if_need_be_plainly(job, after=_GaveUp)
        except _Lost:
            answer = await self._done_alone(job)
        if isinstance(answer, Refused):
            raise Permanent(answer.code, answer.message)
        # The codec says what it knows to be the picture's fault; anything else is a bug that one picture found.
        if isinstance(answer, Failed):
            log.error("codec failed on a picture", extra={"reason": answer.error})
            raise _crash()
        return answer

    async def probe(self) -> None:
        """Raise `DependencyAway` unless a process is at work or one can be had."""
        if not self._places.locked():
            async with self._process():
                return

    async def close(self) -> None:
        """End all processes, whatever they do."""
        self._end_idle()
        await asyncio.gather(*self._ending)

    async def _done_alone(self, job: Job) -> Answer:
        try:
            async with self._company.alone():
                # Whoever stopped one process may have stopped them all.
                self._end_idle()
                return await self._done_if_need_be_plainly(job, after=_Ended)
        except _Lost as lost:
            raise Permanent(lost.code, lost.message) from lost

    async def _done_if_need_be_plainly(self, job: Job, *, after: type[_Ended]) -> Answer:
        try:
            return await self._done(job)
        except after:
            return await self._done(replace(job, may_repack=False))

    async def _done(self, job: Job) -> Answer:
        async with self._process() as process:
            try:
                return await process.do(Task(job, self._limits.cpu_seconds), seconds=self._limits.silent_seconds)
            except TimeoutError as error:
                CODEC_PROCESSES_LOST.labels("silent").inc()
                log.warning("codec process was silent for too long", extra={"codec_pid": process.pid})
                raise _Lost(*_TOO_LONG) from error
            except Died as died:
                raise _ending_of(died) from died
            except OSError as error:
                raise DependencyAway(DEPENDENCY, f"a picture cannot be handed over ({error.strerror})") from error

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[CodecProcess]:
        """Hold a process that is ready; it is kept for others only if it did not disappoint."""
        async with self._places:
            process = self._taken()
            await self._ready(process)
            try:
                yield process
            except BaseException:
                self._end(process)
                raise
            if process.tasks < self._limits.tasks_per_process:
                self._idle.append(process)
            else:
                self._end(process)

    def _taken(self) -> CodecProcess:
        while self._idle:
            process = self._idle.pop()
            if process.is_fit():
                return process
            CODEC_PROCESSES_LOST.labels("died").inc()
            self._end(process)
        try:
            return self._start(self._limits.memory_bytes)
        except OSError as error:
            raise DependencyAway(DEPENDENCY, f"no process can be started ({error.strerror})") from error

    async def _ready(self, process: CodecProcess) -> None:
        try:
            await process.be_ready(seconds=self._limits.ready_seconds)
        except (TimeoutError, Died) as error:
            self._end(process)
            raise DependencyAway(DEPENDENCY, str(error) or "a new codec process does not answer") from error
        except BaseException:
            # Who asked for it gave up; the process will be ready for the next. On a busy machine it would never be
            # if each of them started anew.
            self._idle.append(process)
            raise
        if process.landlock == 0 and not self._has_told_of_its_box:
            self._has_told_of_its_box = True
            log.warning("codec processes run without Landlock: a picture that takes one over reaches files and network")

    def _end_idle(self) -> None:
        while self._idle:
            self._end(self._idle.pop())

    def _end(self, process: CodecProcess) -> None:
        ending = asyncio.create_task(process.kill())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


_TOO_LONG: Final = ("codec_timeout", "The picture takes too long to decode and encode.")
_CRASHED: Final = ("codec_crash", "The picture brought its codec process down.")


def _crash() -> Permanent:
    return Permanent(*_CRASHED)


def _ending_of(died: Died) -> Permanent | _Lost:
    if died.ran_out_of_time:
        CODEC_PROCESSES_LOST.labels("late").inc()
        return Permanent(*_TOO_LONG)
    CODEC_PROCESSES_LOST.labels("died").inc()
    log.warning("codec process died", extra={"exit_code": died.exit_code, "last_words": died.last_words})
    return _GaveUp(*_CRASHED) if died.gave_up else _Ended(*_CRASHED)
