"""Signatures of webhooks, as Standard Webhooks 1.0 lays down: HMAC-SHA256 over id, timestamp and body."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the public prefix of every secret, not a secret
MIN_SECRET_BYTES: Final = 24
MAX_SECRET_BYTES: Final = 64


class InvalidSecret(ValueError):
    """A webhook secret is `whsec_` and the base64 of 24 to 64 random bytes."""

    def __init__(self) -> None:
        super().__init__(" ".join((self.__doc__ or "").split()))


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """The key that sender and receiver share; it never shows in a log."""

    key: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "WebhookSecret":
        """Read `whsec_<base64>`, or raise `InvalidSecret`, which does not repeat the text."""
        prefix, encoded = text[: len(SECRET_PREFIX)], text[len(SECRET_PREFIX) :]
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise InvalidSecret from None
        if prefix != SECRET_PREFIX or not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
            raise InvalidSecret
        return cls(key)

    @property
    def text(self) -> str:
        """`whsec_<base64>`, as receivers keep it."""
        return SECRET_PREFIX + base64.b64encode(self.key).decode()


def signature(secret: WebhookSecret, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return `v1,<base64>`; `timestamp` is in seconds since 1970."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    digest = hmac.new(secret.key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def signed_headers(
    secrets: Sequence[WebhookSecret], *, message_id: str, timestamp: int, body: bytes
) -> Mapping[str, str]:
    """The three headers by which a receiver recognises, dates and verifies `body`; one signature for each secret."""
    signatures = [signature(each, message_id=message_id, timestamp=timestamp, body=body) for each in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
