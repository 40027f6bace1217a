"""Who may ask: nobody without a key, or everybody as the owner `local`."""

import re
from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import Path

from shared.http.problems import Problem
from shared.ids import RequestId

Auth = Literal["required", "off"]

_REQUEST_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def key_check(auth: Auth) -> Callable[[], None]:
    """A dependency that refuses callers without an API key; keys cannot be given out yet."""

    def refuse_without_key() -> None:
        if auth == "required":
            raise Problem(
                401,
                "api-key-required",
                "Send an API key as `Authorization: Bearer <key>`.",
                headers={"WWW-Authenticate": "Bearer"},
            )

    return refuse_without_key


def unknown_request() -> Problem:
    """The answer about a request that does not exist, or not for this caller."""
    return Problem(404, "unknown-request", "There is no request with this id. Check the id, and whose key you use.")


def known_form(request_id: Annotated[str, Path()]) -> RequestId:
    """The id when it has the form of one; what has not cannot exist."""
    if not _REQUEST_ID.fullmatch(request_id):
        raise unknown_request()
    return RequestId(request_id)
