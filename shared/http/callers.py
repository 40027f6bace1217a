"""Who calls, and what they may be told: shared by every service."""

import hmac
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final, Literal, Protocol

from fastapi import Depends, Path
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shared.api_keys import KeyId, StoredKey, Token, digest_of, operator_digest
from shared.http.foreign_pages import own_hosts
from shared.http.problems import Problem
from shared.ids import LOCAL_OWNER, Owner, RequestId
from shared.settings import AuthSettings

Auth = Literal["required", "off"]

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

BEARER: Final = HTTPBearer(
    auto_error=False,
    scheme_name="apiKey",
    description="An API key, or for operators the operator's key. Not asked for with `AUTH=off`.",
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
"""What stands in the `Authorization` header; None when it is missing or not `Bearer`."""

NO_KEY: Final = {401: ("key-required", "There is no valid API key in the `Authorization` header.")}
OWNERS_ONLY: Final = {**NO_KEY, 403: ("owner-key-required", "This is the operator's key, which owns nothing.")}
OPERATORS_ONLY: Final = {
    401: ("operator-key-required", "There is no valid operator's key in the `Authorization` header."),
    403: ("operator-key-required", "This is an API key; only the operator's key is let in here."),
}
UNKNOWN_REQUEST: Final = {404: ("unknown-request", "There is no request with this id, or it is somebody else's.")}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose requests the caller may see and make. `key_id` is None when nobody is asked for a key."""

    owner: Owner
    key_id: KeyId | None = None


class ApiKeys(Protocol):
    async def find(self, key_id: KeyId) -> StoredKey | None:
        """The key, unless there is none or it was revoked."""
        ...


class Operators:
    """Lets operators in: whoever holds the operator's key, or everyone when authentication is off.

    The key may be given as `operator_digest` takes it. `hosts` are names by which browsers may reach the service while
    authentication is off.
    """

    def __init__(self, auth: Auth, operator_key: str | None, *, hosts: frozenset[str] = frozenset()) -> None:
        self.auth = auth
        self.hosts = hosts
        self._digest = None if operator_key is None else operator_digest(operator_key)

    @classmethod
    def of(cls, settings: AuthSettings) -> "Operators":
        key = settings.operator_key
        return cls(settings.auth, None if key is None else key.get_secret_value(), hosts=own_hosts(settings))

    async def admit(self, credentials: Credentials) -> None:
        """A dependency that refuses others with a problem: 401, or 403 when they show an API key."""
        if self.lets_in(credentials):
            return
        if self._digest is None:
            raise _operator_key_required(401, "This server has no operator's key. Set OPERATOR_KEY, and send it.")
        if credentials is not None and Token.parse(credentials.credentials) is not None:
            raise _operator_key_required(403, "This is for operators: send the operator's key, not an API key.")
        raise _operator_key_required(401, "This is for operators. Send `Authorization: Bearer` and the operator's key.")

    def lets_in(self, credentials: HTTPAuthorizationCredentials | None) -> bool:
        """Whether these are the operator's, or nobody is asked."""
        return self.auth == "off" or self.knows(credentials)

    def knows(self, credentials: HTTPAuthorizationCredentials | None) -> bool:
        """Whether these are the operator's."""
        if credentials is None or self._digest is None:
            return False
        return hmac.compare_digest(digest_of(credentials.credentials), self._digest)


class Callers:
    """Tells who calls. With authentication off everyone is the owner `local`."""

    def __init__(self, keys: ApiKeys, operators: Operators) -> None:
        self._keys = keys
        self.operators = operators

    async def owner(self, credentials: Credentials) -> Owner:
        """A dependency: whose requests the caller may see and make."""
        return (await self.caller(credentials)).owner

    async def caller(self, credentials: Credentials) -> Caller:
        """A dependency: who calls. Raises a 401 problem, and 403 for the operator's key, which owns nothing."""
        if self.operators.auth == "off":
            return Caller(LOCAL_OWNER)
        if credentials is None:
            raise _key_required("key-required", "Send an API key: `Authorization: Bearer pmk_...`.", "Bearer")
        if self.operators.knows(credentials):
            detail = "This is the operator's key. Requests belong to the owners of API keys; send one of those."
            raise Problem(403, "owner-key-required", detail)
        token = Token.parse(credentials.credentials)
        key = None if token is None else await self._keys.find(token.key_id)
        if token is None or key is None or not key.fits(token):
            challenge = 'Bearer error="invalid_token"'
            raise _key_required("key-invalid", "There is no such API key, or it was revoked.", challenge)
        return Caller(key.owner, key.key_id)


def unknown_request() -> Problem:
    """The answer about a request that does not exist, or not for this caller."""
    return Problem(404, "unknown-request", "There is no request with this id. Check the id, and whose key you use.")


def known_form(request_id: Annotated[str, Path(description="The id that submitting gave.")]) -> RequestId:
    """The id when it has the form of one; what has not cannot exist."""
    if not _ID.fullmatch(request_id):
        raise unknown_request()
    return RequestId(request_id)


def _key_required(kind: str, detail: str, challenge: str) -> Problem:
    return Problem(401, kind, detail, headers={"WWW-Authenticate": challenge})


def _operator_key_required(status: int, detail: str) -> Problem:
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    return Problem(status, "operator-key-required", detail, headers=headers)
