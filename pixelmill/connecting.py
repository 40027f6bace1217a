"""Clients for the servers that the environment names, or that run in this home."""

import os

from pixelmill.api_client import ApiClient
from pixelmill.operator_client import OperatorClient
from pixelmill.running_stack import running_settings
from pixelmill.server_addresses import operators_servers, servers


def connected() -> ApiClient:
    """A client that closes at the end of its block. Raises `NoServerKnown` and `InvalidAddress`."""
    return ApiClient(servers(os.environ, running_settings))


def connected_as_operator() -> OperatorClient:
    """The same for what only operators may do."""
    return OperatorClient(operators_servers(os.environ, running_settings))
