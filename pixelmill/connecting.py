"""The client for the servers that the environment names, or that run in this home."""

import os

from pixelmill.api_client import ApiClient
from pixelmill.running_stack import public_urls
from pixelmill.server_addresses import servers


def connected() -> ApiClient:
    """A client that closes at the end of its block. Raises `NoServerKnown` and `InvalidAddress`."""
    return ApiClient(servers(os.environ, public_urls))
