"""A processor's memory and environment hold keys, and its codec processes belong to the same user."""

import ctypes
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def close_memory() -> None:
    """From now on other processes of this user read neither, whatever the kernel; root still does."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the memory of this process cannot be closed")
