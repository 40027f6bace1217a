"""API keys: what they look like, and looking them up. Ingest alone makes and revokes them."""

from shared.api_keys.postgres_keys import PostgresKeys
from shared.api_keys.tokens import KeyId, StoredKey, Token, digest_of, is_same, new_token

__all__ = ["KeyId", "PostgresKeys", "StoredKey", "Token", "digest_of", "is_same", "new_token"]
