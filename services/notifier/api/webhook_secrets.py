"""`/v1/webhook-secrets`: the secrets with which an owner's webhooks are signed."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from services.notifier.api.parameters import uuid_or_none
from services.notifier.domain.signature import WebhookSecret
from services.notifier.domain.webhook_secrets import (
    DEFAULT_OVERLAP_SECONDS,
    LONGEST_OVERLAP_SECONDS,
    SecretId,
    SecretTerm,
    TooManySecrets,
)
from shared.events import Timestamp
from shared.http.callers import OWNERS_ONLY, Callers
from shared.http.documented_problems import UNREADABLE_BODY, problem_answers
from shared.http.problems import Problem
from shared.ids import Owner

_FRESH: Final = {"Cache-Control": "no-store"}
_TOO_MANY: Final = {409: ("too-many-webhook-secrets", "As many secrets sign at once as may.")}
_UNKNOWN: Final = {404: ("unknown-webhook-secret", "There is no secret with this id.")}
_INVALID: Final = {**UNREADABLE_BODY, 422: ("invalid-parameters", "The body is not valid.")}


class Secrets(Protocol):
    """Which secrets an owner made, and how long each signs."""

    async def of(self, owner: Owner) -> Sequence[SecretTerm]:
        """Those that sign, the newest first."""
        ...

    async def make(self, owner: Owner, overlap: timedelta) -> SecretTerm:
        """A new one; those before it end after the overlap. Raises `TooManySecrets`, never without an overlap."""
        ...

    async def end(self, owner: Owner, secret_id: SecretId) -> bool:
        """End one now; False when the owner has no such secret."""
        ...


class Keys(Protocol):
    def secret(self, owner: Owner, secret_id: SecretId) -> WebhookSecret:
        """The secret that belongs to an id."""
        ...


class NewSecret(BaseModel):
    """How long the secrets before it sign beside it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"overlap_seconds": 86_400}})

    overlap_seconds: int = Field(
        default=DEFAULT_OVERLAP_SECONDS,
        strict=True,
        ge=0,
        le=LONGEST_OVERLAP_SECONDS,
        description="How long the secrets before this one sign beside it; 0 ends them now.",
    )


class MadeSecret(BaseModel):
    """A new secret. It is shown here and never again."""

    secret_id: str
    secret: str = Field(description="`whsec_` and the base64 of 32 bytes, as Standard Webhooks describe.")
    created_at: Timestamp


class SecretView(BaseModel):
    """A secret that signs; `expires_at` is when it ends, null when nothing has been made after it."""

    secret_id: str
    created_at: Timestamp
    expires_at: Timestamp | None


class SecretsView(BaseModel):
    items: list[SecretView]


def webhook_secrets_router(secrets: Secrets, keys: Keys, *, callers: Callers) -> APIRouter:
    """The routes. Each owner sees and ends their own secrets alone."""
    router = APIRouter(prefix="/v1/webhook-secrets", tags=["webhook secrets"])
    caller = Depends(callers.owner)

    @router.post(
        "",
        status_code=201,
        summary="Make a webhook secret",
        responses=problem_answers({**OWNERS_ONLY, **_TOO_MANY, **_INVALID}),
    )
    async def make(response: Response, owner: Annotated[Owner, caller], body: NewSecret | None = None) -> MadeSecret:
        """From now on it signs. Those made before sign beside it until the overlap has passed: so long there is a
        signature for each, the newest first."""
        response.headers.update(_FRESH)
        term = await _made(secrets, owner, body or NewSecret())
        secret = keys.secret(owner, term.secret_id).text
        return MadeSecret(secret_id=term.secret_id, secret=secret, created_at=term.created_at)

    @router.get("", summary="List webhook secrets", responses=problem_answers(OWNERS_ONLY))
    async def listed(owner: Annotated[Owner, caller]) -> SecretsView:
        """Those that sign, newest first, without the secrets themselves."""
        return SecretsView(items=[_view(term) for term in await secrets.of(owner)])

    @router.delete(
        "/{secret_id}",
        status_code=204,
        summary="End a webhook secret",
        responses=problem_answers({**OWNERS_ONLY, **_UNKNOWN}),
    )
    async def end(
        owner: Annotated[Owner, caller],
        secret_id: Annotated[str, Path(description="The id that making it gave.")],
    ) -> None:
        """It signs nothing from now on: for a secret that leaked. Make another one first."""
        known = uuid_or_none(secret_id)
        if known is None or not await secrets.end(owner, SecretId(known)):
            raise Problem(404, "unknown-webhook-secret", "There is no secret with this id, or it has ended already.")

    return router


async def _made(secrets: Secrets, owner: Owner, wanted: NewSecret) -> SecretTerm:
    try:
        return await secrets.make(owner, timedelta(seconds=wanted.overlap_seconds))
    except TooManySecrets as refusal:
        raise Problem(409, "too-many-webhook-secrets", str(refusal)) from refusal


def _view(term: SecretTerm) -> SecretView:
    return SecretView(secret_id=term.secret_id, created_at=term.created_at, expires_at=term.expires_at)
