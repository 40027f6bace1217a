"""Who calls, and what they may be told: shared by every `/v1`."""

import re
from collections.abc import Callable
from typing import Annotated, Final, Literal

from fastapi import Path

from shared.http.problems import Problem
from shared.ids import LOCAL_OWNER, Owner, RequestId

Auth = Literal["required", "off"]

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


NO_KEY: Final = {401: ("key-required", "There is no API key, and the server wants one.")}
UNKNOWN_REQUEST: Final = {404: ("unknown-request", "There is no request with this id, or it is somebody else's.")}


def caller(auth: Auth) -> Callable[[], Owner]:
    """A dependency that tells whose requests the caller may see and make, and refuses others with a 401 problem.

    With authentication off, everyone is `local`. With it on, nobody holds a key yet, so nobody is let in.
    """

    def owner_of_caller() -> Owner:
        if auth == "off":
            return LOCAL_OWNER
        raise Problem(
            401,
            "key-required",
            "This server wants an API key, and there are none yet. Its operator can set AUTH=off.",
            headers={"WWW-Authenticate": "Bearer"},
        )

    return owner_of_caller


def unknown_request() -> Problem:
    """The answer about a request that does not exist, or not for this caller."""
    return Problem(404, "unknown-request", "There is no request with this id. Check the id, and whose key you use.")


def known_form(request_id: Annotated[str, Path(description="The id that submitting gave.")]) -> RequestId:
    """The id when it has the form of one; what has not cannot exist."""
    if not _ID.fullmatch(request_id):
        raise unknown_request()
    return RequestId(request_id)
