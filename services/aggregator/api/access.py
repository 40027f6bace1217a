"""Who may ask: nobody without a key, or everybody as the owner `local`."""

import re
from collections.abc import Callable
from typing import Annotated, Final, Literal

from fastapi import Path

from shared.http.problems import Problem
from shared.ids import LOCAL_OWNER, Owner, RequestId

Auth = Literal["required", "off"]

NO_KEY: Final = {401: ("api-key-required", "There is no API key, and the server wants one.")}
UNKNOWN_REQUEST: Final = {404: ("unknown-request", "There is no request with this id, or it is somebody else's.")}
INVALID_PARAMETERS: Final = {422: ("invalid-parameters", "Parameters are not valid; `errors` names each.")}

_REQUEST_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def caller(auth: Auth) -> Callable[[], Owner]:
    """A dependency that tells who asks, and refuses callers without an API key; keys cannot be given out yet."""

    def owner_of_caller() -> Owner:
        if auth == "off":
            return LOCAL_OWNER
        raise Problem(
            401,
            "api-key-required",
            "Send an API key as `Authorization: Bearer <key>`.",
            headers={"WWW-Authenticate": "Bearer"},
        )

    return owner_of_caller


def unknown_request() -> Problem:
    """The answer about a request that does not exist, or not for this caller."""
    return Problem(404, "unknown-request", "There is no request with this id. Check the id, and whose key you use.")


def known_form(request_id: Annotated[str, Path(description="The id that submitting gave.")]) -> RequestId:
    """The id when it has the form of one; what has not cannot exist."""
    if not _REQUEST_ID.fullmatch(request_id):
        raise unknown_request()
    return RequestId(request_id)


def invalid_parameter(name: str, code: str, message: str) -> Problem:
    """The answer about a parameter that only its reader can judge."""
    errors = [{"column": name, "code": code, "message": message}]
    return Problem(422, "invalid-parameters", "Some parameters are not valid; see errors.", errors=errors)
