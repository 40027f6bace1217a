"""The pool of codec processes: a picture that hangs, swells or crashes harms itself alone."""

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Final, TypeVar

from pebble import ProcessExpired, ProcessPool

from services.processor.codec.child import answer, prepare
from services.processor.codec.compress import compress
from services.processor.codec.job import Compressed, Job, Refused
from services.processor.metrics import CODEC_PROCESSES_LOST
from shared.errors import DependencyAway, Permanent

log = logging.getLogger(__name__)

T = TypeVar("T")

DEPENDENCY: Final = "codec"
_ANSWER_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """`tasks_per_process`: a process is replaced after so many pictures, which ends what leaks."""

    processes: int
    timeout_seconds: float
    memory_bytes: int
    tasks_per_process: int = 500


class CodecPool:
    """Runs jobs in processes. A broken pool is replaced; what was in it is reported as `DependencyAway`."""

    def __init__(self, limits: PoolLimits) -> None:
        self._limits = limits
        self._pool = self._new_pool()
        self._has_answered = False
        self._ending: set[asyncio.Task[None]] = set()

    async def compress(self, job: Job) -> Compressed:
        """Do one job. Raises `Permanent` with the picture's fault, `DependencyAway` when the pool is broken."""
        try:
            result = await self._run(compress, job, timeout=self._limits.timeout_seconds)
        except TimeoutError as error:
            CODEC_PROCESSES_LOST.labels("late").inc()
            raise Permanent("codec_timeout", "The picture takes too long to decode and encode.") from error
        except ProcessExpired as error:
            CODEC_PROCESSES_LOST.labels("died").inc()
            log.warning("codec process died", extra={"exit_code": error.exitcode})
            raise Permanent("codec_crash", "The picture brought its codec process down.") from error
        except (DependencyAway, asyncio.CancelledError):
            raise
        # The codec returns what it knows to be the picture's fault; anything else is a bug that one picture found.
        except Exception as error:
            log.exception("codec failed on a picture")
            raise Permanent("codec_crash", "The picture brought its codec process down.") from error
        if isinstance(result, Refused):
            raise Permanent(result.code, result.message)
        return result

    async def probe(self) -> None:
        """Raise `DependencyAway` unless a process has answered since the pool was made."""
        if not self._pool.active:
            self._replace(self._pool)
        if not self._has_answered:
            try:
                await self._run(answer, timeout=_ANSWER_SECONDS)
            except (TimeoutError, ProcessExpired) as error:
                raise DependencyAway(DEPENDENCY, "no codec process answers") from error
            self._has_answered = True

    async def close(self) -> None:
        """End all processes, whatever they do."""
        self._end(self._pool)
        await asyncio.gather(*self._ending)

    async def _run(self, function: Callable[..., T], *arguments: Any, timeout: float) -> T:
        pool = self._pool
        try:
            future = pool.schedule(function, args=arguments, timeout=timeout)
            return await asyncio.wrap_future(future)
        except (BrokenProcessPool, RuntimeError) as error:
            if pool.active:
                raise
            self._replace(pool)
            raise DependencyAway(DEPENDENCY, "the pool of codec processes broke and was replaced") from error

    def _replace(self, broken: ProcessPool) -> None:
        if self._pool is broken:
            CODEC_PROCESSES_LOST.labels("pool").inc()
            log.error("codec pool broke, a new one takes its place")
            self._pool = self._new_pool()
            self._has_answered = False
            self._end(broken)

    def _end(self, pool: ProcessPool) -> None:
        ending = asyncio.create_task(asyncio.to_thread(_ended, pool))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(
            max_workers=self._limits.processes,
            max_tasks=self._limits.tasks_per_process,
            initializer=prepare,
            initargs=(os.getpid(), self._limits.memory_bytes),
            context=get_context("spawn"),
        )


def _ended(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]  # pebble leaves it without types
    pool.join()
