"""Logs as JSON lines on standard error: a constant message, and what varies as fields."""

import json
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from shared.events import rfc3339

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
# These libraries report every attempt to reconnect, hundreds a second while a broker is away.
_NOISY = ("aiokafka", "kafka", "faust", "mode", "asyncio", "urllib3")
_NOISE_SECONDS = 30.0


class JsonLines(logging.Formatter):
    """One line a record: time, level, process, logger, message, then the fields given as `extra`."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": rfc3339(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class OnceInAWhile(logging.Filter):
    """Lets a message of the noisy libraries pass once in half a minute; what else is said passes always."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._passed: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.split(".")[0] not in _NOISY:
            return True
        message, now = (record.name, str(record.msg)[:80]), self._now()
        if now - self._passed.get(message, -_NOISE_SECONDS) < _NOISE_SECONDS:
            return False
        self._passed[message] = now
        return True


def configure_logging(process: str, level: str) -> None:
    """Send all logs of this process to standard error, once."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(process))
    handler.addFilter(OnceInAWhile())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.getLevelName(level), logging.WARNING))
