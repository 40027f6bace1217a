"""Moments as callers give them."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

_WRITTEN: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}.*", re.ASCII | re.DOTALL)


def _as_written(given: Any) -> Any:
    # A number would be read as seconds since 1970, which nobody means who writes a date.
    if isinstance(given, datetime) or (isinstance(given, str) and _WRITTEN.fullmatch(given)):
        return given
    raise ValueError("write the moment as in 2026-03-01T12:00:00Z")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the moment is out of range") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc), BeforeValidator(_as_written)]
"""RFC 3339 with an offset; in UTC once it is read."""
