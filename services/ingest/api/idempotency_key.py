"""The header Idempotency-Key."""

import re
from typing import Final

from starlette.requests import Request

from shared.http.problems import Problem

_KEY: Final = re.compile(r"[!-~]{1,255}")


def idempotency_key(request: Request) -> str | None:
    """The key, if one was given; a `Problem` with status 400 when it is none that can be kept, or there are several."""
    keys = request.headers.getlist("idempotency-key")
    if len(keys) > 1:
        raise Problem(400, "invalid-idempotency-key", "There is more than one Idempotency-Key.")
    if keys and not _KEY.fullmatch(keys[0]):
        raise Problem(400, "invalid-idempotency-key", "An Idempotency-Key has 1 to 255 visible ASCII characters.")
    return keys[0] if keys else None
