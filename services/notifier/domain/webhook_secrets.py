"""Secrets that owners make: which of them sign at a moment, and what they are.

A secret is derived from the master key and its id. So nothing that is kept can sign, and what was shown once can be
made again.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NewType

from services.notifier.domain.signature import WebhookSecret
from shared.ids import Owner

SecretId = NewType("SecretId", str)

DEFAULT_OVERLAP_SECONDS: Final = 86_400
LONGEST_OVERLAP_SECONDS: Final = 7 * 86_400
MOST_SIGNING: Final = 3
"""Secrets of one owner that sign at once; each is a signature in a header."""

_PURPOSE: Final = b"pixelmill webhook secret 1"


class TooManySecrets(Exception):
    """As many secrets sign as may. Make the new one with overlap_seconds 0, or end one of the others first."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@dataclass(frozen=True, slots=True)
class SecretTerm:
    """How long a secret signs."""

    secret_id: SecretId
    created_at: datetime
    expires_at: datetime | None = None

    def signs_at(self, moment: datetime) -> bool:
        return self.expires_at is None or moment < self.expires_at


def derived_secret(master: bytes, owner: Owner, secret_id: SecretId) -> WebhookSecret:
    """The 32 bytes that belong to an id, for this owner alone."""
    # Ids have one length, and no owner's name holds a NUL: two different pairs never give the same text.
    named = b"\0".join((_PURPOSE, secret_id.encode(), owner.encode()))
    return WebhookSecret(hmac.new(master, named, hashlib.sha256).digest())
