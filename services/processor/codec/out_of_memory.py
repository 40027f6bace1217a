"""The ways in which Pillow and its libraries say that memory ran out, as `MemoryError`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# Pillow's codecs answer -9; libwebp answers 1 and 2, and Pillow passes the number on.
_SAYS_SO: Final = re.compile(r"out of memory|coder error -9|encoding error [12]$")


@contextmanager
def as_memory_error() -> Iterator[None]:
    """Raise `MemoryError` instead of what a library made of it; other errors pass."""
    try:
        yield
    except (OSError, ValueError) as error:
        if _SAYS_SO.search(str(error)):
            raise MemoryError from error
        raise
