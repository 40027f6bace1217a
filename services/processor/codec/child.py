"""What a codec process is: set up once, then one picture after another until its parent is gone."""

import ctypes
import os
import signal
import socket
import traceback
from collections.abc import Callable
from typing import Final

from services.processor.codec.box import confine, start_nothing_more
from services.processor.codec.compress import compress
from services.processor.codec.heap import keep_heap
from services.processor.codec.job import Answer, Compressed, Failed, Job, Refused
from services.processor.codec.messages import files_of, ready, receive_task, send_answer
from services.processor.codec.rehearsal import rehearse

_PR_SET_PDEATHSIG: Final = 1
_LARGEST_ON_HEAP: Final = 512 * 1024 * 1024
# What all but the largest pictures need stays. What those need besides is given back: two processes hold it.
_MOST_KEPT: Final = 256 * 1024 * 1024
_ALWAYS_KEPT: Final = 192 * 1024 * 1024


def serve(channel: socket.socket, parent_pid: int, memory_bytes: int) -> None:
    """Be a codec process. A task that takes more processor time than it may ends the process by SIGPROF."""
    prepare(parent_pid)
    # What is loaded late is loaded now: the box may hide it. Packing waits, for its threads would stay outside.
    rehearse(may_repack=False)
    landlock = confine(memory_bytes)
    rehearse(may_repack=True)
    start_nothing_more()
    channel.send(ready(landlock))
    while (task := receive_task(channel)) is not None:
        # The time of this process alone, and only while it runs: a process that is stopped or starved is not late.
        signal.setitimer(signal.ITIMER_PROF, task.cpu_seconds)
        answer = _answer(compress, task.job)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for file in files_of(task.job):
            os.close(file)
        send_answer(channel, answer)


def prepare(parent_pid: int) -> None:
    """Bind this process to its parent's life, and make it cheap to kill and to run."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(0)  # the parent died before the line above
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    # It costs a fifth of the time not to.
    keep_heap(largest_buffer=_LARGEST_ON_HEAP, most_unused=_MOST_KEPT, growth=_ALWAYS_KEPT)
    # One process is one core: the PNG packer must not start threads of its own.
    os.putenv("RAYON_NUM_THREADS", "1")


def _answer(work: Callable[[Job], Compressed | Refused], job: Job) -> Answer:
    try:
        return work(job)
    except Exception as error:
        return Failed("".join(traceback.format_exception(error)))
