"""The box in which hostile bytes are decoded: what a codec process gives up before it sees the first picture.

Whoever takes the process over finds no secret, no file, no socket but the one to its parent, and no way to more rights.
Source of the numbers: the Linux headers `prctl.h` and `landlock.h`.
"""

import ctypes
import os
import resource
import struct
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import PIL

_PR_SET_NO_NEW_PRIVS: Final = 38

# The same numbers on all architectures.
_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_ONLY_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_READ_FILE: Final = 1 << 2
_READ_FOLDER: Final = 1 << 3
# What each version of Landlock can take away, as bits: rights on files, on the network, and over other processes. Each
# kind is a field of its own in the kernel's structure; a version that knows none of a kind takes no field for it.
_RIGHTS: Final[Mapping[int, tuple[int, ...]]] = {
    1: (0x1FFF,),
    2: (0x3FFF,),  # moving files between folders
    3: (0x7FFF,),  # cutting files
    4: (0x7FFF, 0x3),  # TCP: listening, connecting
    5: (0xFFFF, 0x3),  # commands to devices
    6: (0xFFFF, 0x3, 0x3),  # abstract sockets, signals
}

_libc: Final = ctypes.CDLL(None, use_errno=True)

MAX_FILES: Final = 256


def confine(memory_bytes: int) -> int:
    """Limit this process for the rest of its life, and return the version of Landlock that does it.

    0: there is none, or none that may be used; then files, network and other processes are as near as to the parent.
    It holds for the calling thread and what that starts: there must be no other.
    """
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, memory_bytes),
        # What is written to memory files is not address space of this process.
        (resource.RLIMIT_FSIZE, memory_bytes),
        (resource.RLIMIT_NOFILE, MAX_FILES),
    ):
        _lower(limit, value)
    version = min(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ONLY_VERSION), max(_RIGHTS))
    return version if version >= 1 and _is_restricted(version) else 0


def start_nothing_more() -> None:
    """No process and no thread can be started any more, unless this one is root's."""
    _lower(resource.RLIMIT_NPROC, 0)


def _lower(limit: int, value: int) -> None:
    _, most = resource.getrlimit(limit)
    lowered = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(limit, (lowered, lowered))


def _is_restricted(version: int) -> bool:
    """Take away all files but Python's own, TCP, and the way to other processes, as far as this version can."""
    handled = struct.pack(f"={len(_RIGHTS[version])}Q", *_RIGHTS[version])
    try:
        ruleset = _call(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0)
        _allow_reading(ruleset, _folders_of_python())
        _call(_RESTRICT_SELF, ruleset, 0)
        os.close(ruleset)
    # It is there, and something around us, such as a container's filter of calls, does not let us have it.
    except OSError:
        return False
    return True


def _folders_of_python() -> set[str]:
    """The standard library, the installed packages and Pillow wherever it lies: parts of them are loaded late."""
    installed = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return {*installed, *PIL.__path__}


def _allow_reading(ruleset: int, folders: Iterable[str]) -> None:
    for folder in folders:
        if Path(folder).is_dir():
            opened = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            _call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", _READ_FILE | _READ_FOLDER, opened), 0)
            os.close(opened)


def _call(number: int, *arguments: object) -> int:
    """Raises `OSError` when the kernel refuses."""
    result: int = _libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "the codec process cannot be confined")
    return result
