"""W3C trace context: the `traceparent` that ties everything which one submission caused together.

Source: W3C Trace Context, level 1, section 3.2.
"""

import re
import secrets
from contextvars import ContextVar

_TRACEPARENT = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$")
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def enter_trace(received: str | None) -> str:
    """Continue the trace that came with a message, or begin one; holds for the current task. Returns its header."""
    matched = _TRACEPARENT.match(received or "")
    trace_id, flags = (matched.group(1), matched.group(3)) if matched else (secrets.token_hex(16), "01")
    traceparent = f"00-{trace_id}-{secrets.token_hex(8)}-{flags}"
    _current.set(traceparent)
    return traceparent


def current_traceparent() -> str | None:
    """The header to send on, or `None` outside of any trace."""
    return _current.get()
