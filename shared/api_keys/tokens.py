"""The form of an API key: `pmk_`, the key's public id, `_`, and 256 random bits, both in hexadecimal.

Only a SHA-256 of the whole is stored. A slow hash is for passwords, which can be guessed; 256 random bits cannot.
"""

import hmac
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NewType

from shared.ids import Owner

KeyId = NewType("KeyId", str)
"""Names a key in lists and logs; whoever knows it can do nothing with it."""

DIGEST_PREFIX: Final = "sha256:"

_ID_BYTES: Final = 8
_SECRET_BYTES: Final = 32
_TOKEN: Final = re.compile(rf"pmk_([0-9a-f]{{{2 * _ID_BYTES}}})_[0-9a-f]{{{2 * _SECRET_BYTES}}}")


@dataclass(frozen=True, slots=True)
class Token:
    """A key as its holder has it."""

    key_id: KeyId
    text: str

    def __repr__(self) -> str:
        """Never the secret: this may end in a log."""
        return f"Token({self.key_id})"

    @classmethod
    def parse(cls, text: str) -> "Token | None":
        """Read a key; None when the text is none."""
        found = _TOKEN.fullmatch(text)
        return None if found is None else cls(KeyId(found[1]), text)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is known of a key that has not been revoked."""

    key_id: KeyId
    owner: Owner
    digest: bytes

    def fits(self, token: Token) -> bool:
        """Whether this is the key of `token`; takes the same time whatever differs."""
        return hmac.compare_digest(self.digest, digest_of(token.text))


def new_token() -> Token:
    """A key that nobody has."""
    key_id = KeyId(secrets.token_hex(_ID_BYTES))
    return Token(key_id, f"pmk_{key_id}_{secrets.token_hex(_SECRET_BYTES)}")


def digest_of(text: str) -> bytes:
    """What is stored of a key."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def operator_digest(key: str) -> bytes:
    """The digest of the operator's key, given the key itself or `sha256:` and its digest in hexadecimal.

    A process that is given the digest can tell an operator, and can be none. Raises `ValueError`.
    """
    given = key.removeprefix(DIGEST_PREFIX)
    if given == key:
        return digest_of(key)
    digest = bytes.fromhex(given)
    if len(digest) != sha256().digest_size:
        raise ValueError(f"{DIGEST_PREFIX} wants the {sha256().digest_size} bytes of a SHA-256, in hexadecimal")
    return digest
