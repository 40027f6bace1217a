"""Makes, lists and revokes API keys. A key is told once, to whoever makes it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.ingest.domain.quotas import Quotas
from shared.api_keys import KeyId, Token, digest_of
from shared.ids import Owner

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MadeKey:
    """What operators see of a key."""

    key_id: KeyId
    owner: Owner
    name: str
    created_at: datetime
    quotas: Quotas
    revoked_at: datetime | None = None


class KeyRows(Protocol):
    async def add(self, key: MadeKey, digest: bytes) -> None:
        """Keep a key that nobody has yet."""
        ...

    async def listed(self, owner: Owner | None) -> Sequence[MadeKey]:
        """All keys, or those of one owner, newest first; revoked ones too."""
        ...

    async def revoke(self, key_id: KeyId, now: datetime) -> bool:
        """Revoke a key, unless it is revoked already; False when there is none."""
        ...


class MadeKeys:
    """An owner may have several keys: a new one is made before the old one is revoked."""

    def __init__(self, rows: KeyRows, *, now: Callable[[], datetime], new_token: Callable[[], Token]) -> None:
        self._rows = rows
        self._now = now
        self._new_token = new_token

    async def make(self, owner: Owner, name: str, quotas: Quotas) -> tuple[MadeKey, Token]:
        """Make a key. What it is stands in the answer alone."""
        token = self._new_token()
        key = MadeKey(token.key_id, owner, name, self._now(), quotas)
        await self._rows.add(key, digest_of(token.text))
        log.info("API key made", extra={"key_id": key.key_id})
        return key, token

    async def listed(self, owner: Owner | None) -> Sequence[MadeKey]:
        """All keys, or those of one owner, newest first; revoked ones too."""
        return await self._rows.listed(owner)

    async def revoke(self, key_id: KeyId) -> bool:
        """From now on the key is worth nothing; False when there is none. Revoking twice changes nothing."""
        is_known = await self._rows.revoke(key_id, self._now())
        if is_known:
            log.info("API key revoked", extra={"key_id": key_id})
        return is_known
