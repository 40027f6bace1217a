"""Logs as JSON lines on standard error: a constant message, and what varies as fields."""

import json
import logging
import sys
from datetime import UTC, datetime

from shared.events import rfc3339

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
# These libraries report every reconnect attempt as an error; what matters of it reaches our own logs.
_NOISY = ("aiokafka", "kafka", "faust", "mode", "asyncio", "urllib3")


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


def configure_logging(process: str, level: str) -> None:
    """Send all logs of this process to standard error, once."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(process))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.getLevelName(level), logging.WARNING))
