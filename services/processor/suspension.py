"""Whom the processor blames for what was late: nobody else, if it stood still itself meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shared.errors import DependencyAway, Permanent, Transient
from shared.suspension import Wakefulness as AnyWakefulness

DEPENDENCY: Final = "processor"

# What a pause of our own can look like. A status that a source answers with is its own word, but for 408.
_TRANSIENT: Final = frozenset({"timeout", "connect_error", "dns_error", "tls_error", "truncated", "http_4xx"})
_PERMANENT: Final = frozenset({"codec_timeout"})


class Wakefulness(AnyWakefulness):
    """Tells failures that a standstill of this process may have caused from those of a source or a picture."""

    @contextmanager
    def uninterrupted(self) -> Iterator[None]:
        """Raise `DependencyAway` for a failure inside that this process may have caused by standing still."""
        mark = self.mark()
        try:
            yield
        except (Permanent, Transient) as error:
            may_be_ours = error.code in (_TRANSIENT if isinstance(error, Transient) else _PERMANENT)
            if may_be_ours and self.stood_still_since(mark):
                raise DependencyAway(DEPENDENCY, "it stood still while it worked on this record") from error
            raise
