"""Run a program that dies with the process that started it: `die_with_parent.py PARENT PROGRAM ARGUMENT...`.

Run as a script, with nothing but the standard library, because every process of the stack goes through it.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for SIGKILL at the parent's death, then become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"cannot bind the life of {program[0]} to its supervisor: {os.strerror(ctypes.get_errno())}")
    # The parent may have died before the request above was made.
    if os.getppid() != parent:
        sys.exit(f"{program[0]} was not started: its supervisor is gone")
    try:
        os.execvp(program[0], program)  # noqa: S606  becoming the program is the purpose
    except OSError as error:
        sys.exit(f"cannot run {program[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
