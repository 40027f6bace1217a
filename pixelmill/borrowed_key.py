"""A key for as long as a program runs on a stack of this machine, where that stack asks for keys."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from pixelmill.operator_client import OperatorClient
from pixelmill.server_addresses import Servers, operators_servers, servers
from shared.ids import LOCAL_OWNER


@contextmanager
def borrowed_servers(settings: Mapping[str, str], *, name: str) -> Iterator[Servers]:
    """The servers of a stack; if it asks for keys, with one of the owner `local` that is revoked at the end."""
    found = servers({}, lambda: settings)
    if settings.get("AUTH") != "required":
        yield found
        return
    with OperatorClient(operators_servers({}, lambda: settings)) as operator:
        made = operator.create_key({"owner": LOCAL_OWNER, "name": name})
        try:
            yield replace(found, api_key=made.key)
        finally:
            operator.revoke_key(made.key_id)
