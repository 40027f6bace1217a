"""Who calls: the owner that a request will belong to."""

from typing import Literal

from shared.http.problems import Problem
from shared.ids import LOCAL_OWNER, Owner

Auth = Literal["required", "off"]


def owner_of_caller(auth: Auth) -> Owner:
    """With authentication off, everyone is `local`. With it on, nobody holds a key yet, so nobody is let in."""
    if auth == "off":
        return LOCAL_OWNER
    raise Problem(
        401,
        "key-required",
        "This server wants an API key, as `Authorization: Bearer <key>`.",
        headers={"WWW-Authenticate": "Bearer"},
    )
