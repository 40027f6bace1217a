"""URLs of compressed pictures: stable, and their signature is the permission to read."""

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

_SIGNATURE_BYTES = 16
_PATH = "/v1/images/"


class PictureUrls:
    """Makes and checks picture URLs. The path is the object's key, so that no lookup is needed."""

    def __init__(self, public_url: str, signing_key: bytes) -> None:
        self._base = f"{public_url.rstrip('/')}{_PATH}"
        self._signing_key = signing_key

    def url(self, key: str) -> str:
        return f"{self._base}{key}?s={self._signature(key)}"

    def permits(self, key: str, signature: str) -> bool:
        """Whether the signature belongs to the key; takes the same time whatever is wrong."""
        return hmac.compare_digest(self._signature(key).encode(), signature.encode())

    def key_of(self, url: str) -> str | None:
        """The key behind a picture URL of ours, or `None`. The signature tells, not the host: that may have changed."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        _, found, key = parts.path.partition(_PATH)
        signature = parse_qs(parts.query).get("s", [""])[0]
        return key if found and self.permits(key, signature) else None

    def _signature(self, key: str) -> str:
        digest = hmac.new(self._signing_key, b"picture:" + key.encode(), sha256).digest()
        return urlsafe_b64encode(digest[:_SIGNATURE_BYTES]).rstrip(b"=").decode()
