"""An outside world on this machine: connections are noted by the address asked for, and all lead to one server."""

import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from shared.safe_http import FetchPolicy, SafeClient
from shared.safe_http.lookup import Lookup
from tests.unit.safe_http.servers import Handler

OnServerName = Callable[[ssl.SSLObject, str | None, ssl.SSLContext], None]

SHOP_ADDRESS: Final = "93.184.215.14"
CLOSED_PORT: Final = 1
# Made for these tests alone: a certificate of `shop.example` that signed itself, and its key.
SHOP_CERTIFICATE: Final = Path(__file__).with_name("shop_example.pem")


class Names:
    """A name server: each host has a script of answers, the last of which stays; unknown hosts are the shop's."""

    def __init__(self, scripts: dict[str, list[Sequence[str]]] | None = None) -> None:
        self._scripts = scripts or {}
        self.asked: list[str] = []

    def answer(self, host: str, *answers: Sequence[str]) -> None:
        self._scripts[host] = list(answers)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        script = self._scripts.get(host, [[SHOP_ADDRESS]])
        return script.pop(0) if len(script) > 1 else script[0]


class Outside:
    """Notes which addresses and ports connections were asked for, and leads them to a port of loopback."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.asked: list[tuple[str, int]] = []

    def leads_nowhere(self) -> None:
        """Refuse connections from now on."""
        self._port = CLOSED_PORT

    def make_socket(self, family: int, kind: int, protocol: int) -> socket.socket:
        return _LedSocket(self, self._port, (family, kind, protocol))


class _LedSocket(socket.socket):
    def __init__(self, outside: Outside, port: int, asked_for: tuple[int, int, int]) -> None:
        super().__init__(socket.AF_INET, *asked_for[1:])
        self._outside = outside
        self._port = port
        self._family_asked_for = asked_for[0]

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AddressFamily(self._family_asked_for)

    def connect(self, address: Any) -> None:
        self._outside.asked.append((address[0], address[1]))
        super().connect(("127.0.0.1", self._port))


@asynccontextmanager
async def outside(
    handler: Handler,
    names: Lookup | None = None,
    *,
    tls: bool = False,
    on_server_name: OnServerName | None = None,
    **policy: float,
) -> AsyncIterator[tuple[SafeClient, Outside]]:
    """A client under the strict policy, and an outside whose every address is served by `handler`."""
    runner = web.ServerRunner(web.Server(handler))  # type: ignore[arg-type]  # a handler that returns a stream response
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=_shop_tls(on_server_name) if tls else None)
    await site.start()
    world = Outside(runner.addresses[0][1])
    made = SafeClient(
        FetchPolicy(**({"timeout_seconds": 20.0, "connect_timeout_seconds": 20.0} | policy)),  # type: ignore[arg-type]  # numbers
        lookup=names or Names(),
        tls=ssl.create_default_context(cafile=SHOP_CERTIFICATE) if tls else None,
        make_socket=world.make_socket,
    )
    try:
        yield made, world
    finally:
        await made.close()
        await runner.cleanup()


def _shop_tls(on_server_name: OnServerName | None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(SHOP_CERTIFICATE)
    context.sni_callback = on_server_name
    return context
