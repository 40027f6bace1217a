"""Which processes ended by themselves, nobody having killed them, as the supervisor noted."""

import re
from collections import Counter
from typing import Final

_ENDED: Final = re.compile(r"INFO (\S+): (?:restarting|crash-looping) \(exit code [1-9]\d*\)$", re.MULTILINE)


def own_exits(supervisor_log: str) -> Counter[str]:
    """How often each process ended with a failure of its own."""
    return Counter(_ENDED.findall(supervisor_log))
