"""Exit codes of the command; scripts rely on them."""

from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    ERROR = 1
    USAGE = 2
    FAILED_IMAGES = 3
    NOT_COMPLETED = 4
    CSV_REFUSED = 5
    SERVER_UNREACHABLE = 6
    INTERRUPTED = 130
