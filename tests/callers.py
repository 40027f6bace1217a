"""Callers for tests of HTTP: everyone let in, or keys that stand in memory."""

from typing import Final

from shared.api_keys import KeyId, StoredKey, Token, digest_of, new_token
from shared.http.callers import Callers, Operators
from shared.ids import Owner

OPERATOR_KEY: Final = "the key of the operator, 32 characters or more"
OPERATOR: Final = {"Authorization": f"Bearer {OPERATOR_KEY}"}
ALL_OPERATORS: Final = Operators("off", None, hosts=frozenset({"test", "ingest", "notifier", "agg.example"}))
KEYED_OPERATORS: Final = Operators("required", OPERATOR_KEY)


class MemoryKeys:
    """Keys by id."""

    def __init__(self) -> None:
        self.stored: dict[KeyId, StoredKey] = {}

    def make(self, owner: str) -> dict[str, str]:
        """The header that a holder of a new key sends."""
        token = new_token()
        self.stored[token.key_id] = StoredKey(token.key_id, Owner(owner), digest_of(token.text))
        return bearer(token)

    async def find(self, key_id: KeyId) -> StoredKey | None:
        return self.stored.get(key_id)


def bearer(token: Token) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.text}"}


def keyed(keys: MemoryKeys) -> Callers:
    """Only holders of keys are let in."""
    return Callers(keys, KEYED_OPERATORS)


EVERYONE: Final = Callers(MemoryKeys(), ALL_OPERATORS)
