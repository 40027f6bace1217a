"""API keys: what they look like, and looking them up. Ingest alone makes and revokes them."""

from shared.api_keys.tokens import KeyId, StoredKey, Token, digest_of, new_token, operator_digest

__all__ = ["KeyId", "StoredKey", "Token", "digest_of", "new_token", "operator_digest"]
