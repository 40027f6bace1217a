"""What the C library's heap gives back to the kernel; giving back and faulting in again is slower than to keep."""

import ctypes
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_THRESHOLD: Final = -3


def keep_heap(*, largest_buffer: int, most_unused: int, growth: int = 0) -> None:
    """Keep buffers of up to `largest_buffer` bytes on the heap of this process, and up to `most_unused` bytes unused.

    The heap grows by `growth` bytes more than are asked for. Source: mallopt(3) of glibc.
    """
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_THRESHOLD, largest_buffer)
    libc.mallopt(_M_TRIM_THRESHOLD, most_unused)
    if growth:
        libc.mallopt(_M_TOP_PAD, growth)
