"""HTTP on loopback, without TLS."""

from typing import Any

import httpx2


def plain_http(**options: Any) -> httpx2.AsyncClient:
    """A client that reads no root certificates: that takes longer than most answers, and tests make many clients."""
    return httpx2.AsyncClient(trust_env=False, verify=False, **options)
