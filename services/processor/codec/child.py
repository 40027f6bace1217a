"""What a codec process is: set up once, then one picture after another until its parent is gone."""

import ctypes
import logging
import os
import signal
import socket
from collections.abc import Callable
from typing import Final

from services.processor.codec.box import confine
from services.processor.codec.compress import compress
from services.processor.codec.job import Answer, Compressed, Failed, Job, Refused
from services.processor.codec.messages import READY, files_of, receive_task, send_answer

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG: Final = 1
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 256 * 1024 * 1024


def serve(channel: socket.socket, parent_pid: int, memory_bytes: int) -> None:
    """Be a codec process. A task that takes more processor time than it may ends the process by SIGPROF."""
    prepare(parent_pid)
    confine(memory_bytes)
    channel.send(READY)
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
    # What a terminal or a shell sends to the parent's group (SIGINT, and SIGCONT when the group is orphaned) means the
    # parent, which still wants its pictures.
    os.setpgid(0, 0)
    # Large buffers stay with the process; giving them back and faulting them in again costs a fifth of the time.
    libc.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
    libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    # One process is one core: the PNG packer must not start threads of its own.
    os.putenv("RAYON_NUM_THREADS", "1")


def _answer(work: Callable[[Job], Compressed | Refused], job: Job) -> Answer:
    try:
        return work(job)
    except Exception as error:
        log.exception("codec failed on a picture")
        return Failed(repr(error))
