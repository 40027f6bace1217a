"""The secrets that sign for an owner."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.notifier.domain.signature import WebhookSecret
from services.notifier.domain.webhook_secrets import SecretId, SecretTerm, derived_secret
from shared.ids import LOCAL_OWNER, Owner


class Terms(Protocol):
    """Which secrets an owner made, and how long each signs."""

    async def of(self, owner: Owner) -> Sequence[SecretTerm]:
        """The newest first."""
        ...

    async def inherited_until(self, owner: Owner) -> datetime | None:
        """Until when what an owner had before its first secret signs; None when it never made one."""
        ...


class Keyring:
    """Secrets that owners made, and the operator's `WEBHOOK_SECRET` for the owner `local`.

    That one signs until `local` makes one, and beside it as long as the overlap lasts. Then it has ended for good.
    """

    def __init__(self, master: bytes, local: WebhookSecret, terms: Terms) -> None:
        self._master = master
        self._local = local
        self._terms = terms

    def secret(self, owner: Owner, secret_id: SecretId) -> WebhookSecret:
        """The secret that belongs to an id."""
        return derived_secret(self._master, owner, secret_id)

    async def signing(self, owner: Owner, at: datetime) -> Sequence[WebhookSecret]:
        """The secrets that sign at a moment, newest first; none when the owner has none."""
        terms = [term for term in await self._terms.of(owner) if term.signs_at(at)]
        secrets = [self.secret(owner, term.secret_id) for term in terms]
        if owner == LOCAL_OWNER:
            until = await self._terms.inherited_until(owner)
            if until is None or at < until:
                secrets.append(self._local)
        return secrets
