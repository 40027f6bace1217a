"""`/v1/keys`, for operators: API keys are made, listed and revoked."""

import re
from typing import Annotated, Final, Self

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from services.ingest.domain.quotas import Quotas
from services.ingest.made_keys import MadeKey, MadeKeys
from shared.api_keys import KeyId
from shared.events import Timestamp
from shared.http.callers import OPERATORS_ONLY, Operators
from shared.http.documented_problems import UNREADABLE_BODY, problem_answers
from shared.http.problems import Problem
from shared.ids import Owner

_KEY_ID: Final = re.compile(r"[0-9a-f]{16}")
NO_STORE: Final = {"Cache-Control": "no-store"}
_INVALID: Final = {422: ("invalid-parameters", "A parameter or the body is not valid; `errors` lists why.")}
OwnerName = Annotated[
    str,
    Field(
        max_length=64,
        pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$",
        description="Whose requests are made with the key. Several keys may have one owner.",
        examples=["shop"],
    ),
]
KeyName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="What the key is for; it is shown in the list.",
        examples=["nightly upload"],
    ),
]


class KeyOrder(BaseModel):
    """A key that is wanted."""

    model_config = ConfigDict(extra="forbid")

    owner: OwnerName
    name: KeyName
    quotas: Quotas = Field(default=Quotas(), description="Where the key's quotas differ from the server's.")


class KeyFilter(BaseModel):
    """Which keys are listed. Another parameter is refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")

    owner: OwnerName | None = Field(default=None, description="Only keys of this owner.")


class KeyAnswer(BaseModel):
    """A key, without what it is."""

    key_id: str
    owner: str
    name: str
    created_at: Timestamp
    revoked_at: Timestamp | None
    quotas: Quotas

    @classmethod
    def of(cls, made: MadeKey, **more: str) -> Self:
        return cls(
            key_id=made.key_id,
            owner=made.owner,
            name=made.name,
            created_at=made.created_at,
            revoked_at=made.revoked_at,
            quotas=made.quotas,
            **more,
        )


class NewKeyAnswer(KeyAnswer):
    """A key that was made just now."""

    key: str = Field(description="What its holder sends. It is shown this once, and kept nowhere.")


class KeyList(BaseModel):
    """Keys, newest first."""

    items: list[KeyAnswer]


def keys_router(keys: MadeKeys, operators: Operators) -> APIRouter:
    router = APIRouter(prefix="/v1/keys", tags=["operations"], dependencies=[Depends(operators.admit)])

    @router.post("", status_code=201, responses=problem_answers({**OPERATORS_ONLY, **UNREADABLE_BODY, **_INVALID}))
    async def create_key(order: KeyOrder, response: Response) -> NewKeyAnswer:
        """Make an API key. It is shown this once."""
        response.headers.update(NO_STORE)
        made, token = await keys.make(Owner(order.owner), order.name, order.quotas)
        return NewKeyAnswer.of(made, key=token.text)

    @router.get("", responses=problem_answers({**OPERATORS_ONLY, **_INVALID}))
    async def list_keys(response: Response, wanted: Annotated[KeyFilter, Query()]) -> KeyList:
        """List API keys, revoked ones too, without what they are."""
        response.headers.update(NO_STORE)
        listed = await keys.listed(None if wanted.owner is None else Owner(wanted.owner))
        return KeyList(items=[KeyAnswer.of(made) for made in listed])

    @router.delete(
        "/{key_id}",
        status_code=204,
        response_class=Response,
        responses=problem_answers({**OPERATORS_ONLY, 404: ("unknown-key", "There is no key with this id.")}),
    )
    async def revoke_key(key_id: Annotated[str, Path(description="As the list has it; not the key.")]) -> Response:
        """Revoke an API key at once. Revoking it twice changes nothing."""
        if not _KEY_ID.fullmatch(key_id) or not await keys.revoke(KeyId(key_id)):
            raise Problem(404, "unknown-key", "There is no API key with this id.", headers=NO_STORE)
        return Response(status_code=204, headers=NO_STORE)

    return router
