"""How a codec process is set up before its first picture."""

import ctypes
import os
import resource
import signal
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 256 * 1024 * 1024


def prepare(parent_pid: int, memory_bytes: int) -> None:
    """Bind this process to its parent's life, bound its memory, and make it cheap to kill and to run."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(0)  # the parent died before the line above
    # The pool ends a picture that is late with SIGTERM, which must not wait for a decoder to return.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    # Large buffers stay with the process; giving them back and faulting them in again costs a fifth of the time.
    libc.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
    libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    # One process is one core: the PNG packer must not start threads of its own.
    os.putenv("RAYON_NUM_THREADS", "1")


def answer() -> int:
    """Prove that this process works, with its id."""
    return os.getpid()
