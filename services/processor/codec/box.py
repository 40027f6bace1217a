"""The box in which hostile bytes are decoded: what a codec process gives up before it sees the first picture.

Whoever takes the process over finds no secret, no file, no socket but the one to its parent, and no way to more rights.
Source of the numbers: the Linux headers `prctl.h` and `landlock.h`.
"""

import ctypes
import os
import resource
import struct
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_PR_SET_NO_NEW_PRIVS: Final = 38

# The same numbers on all architectures.
_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_ONLY_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_READ_FILE: Final = 1 << 2
_READ_FOLDER: Final = 1 << 3
# What each version of Landlock added: rights on files, on the network, and over other processes.
_FILE_RIGHTS: Final = ((1, 13), (2, 14), (3, 15), (5, 16))
_NETWORK_RIGHTS: Final = (4, 0b11)
_SCOPES: Final = (6, 0b11)

_libc: Final = ctypes.CDLL(None, use_errno=True)

MAX_FILES: Final = 256


def confine(memory_bytes: int) -> None:
    """Limit this process for the rest of its life. Kernels without Landlock give the rest."""
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, memory_bytes),
        # What is written to memory files is not address space of this process.
        (resource.RLIMIT_FSIZE, memory_bytes),
        (resource.RLIMIT_NOFILE, MAX_FILES),
    ):
        resource.setrlimit(limit, (value, value))
    version = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ONLY_VERSION)
    if version >= 1:
        _restrict(version)


def _restrict(version: int) -> None:
    """Take away all files but Python's own, TCP, and the way to other processes, as far as this version can."""
    files = max(bits for since, bits in _FILE_RIGHTS if version >= since)
    network = _NETWORK_RIGHTS[1] if version >= _NETWORK_RIGHTS[0] else 0
    scopes = _SCOPES[1] if version >= _SCOPES[0] else 0
    handled = struct.pack("=QQQ", (1 << files) - 1, network, scopes)
    ruleset = _call(_CREATE_RULESET, handled, ctypes.c_size_t(_size_in(version)), 0)
    _allow_reading(ruleset, _folders_of_python())
    _call(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _size_in(version: int) -> int:
    """The kernel takes no bytes that it does not know."""
    return 8 * (1 + (version >= _NETWORK_RIGHTS[0]) + (version >= _SCOPES[0]))


def _folders_of_python() -> set[str]:
    """The standard library and the installed packages, of which parts are loaded late."""
    return {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}


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
