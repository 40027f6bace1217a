"""Small HTTP servers on loopback, each answering as one test needs."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network

from aiohttp import web

from shared.safe_http import FetchPolicy, SafeClient

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LOOPBACK = ip_network("127.0.0.0/8")


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """Serve every path of a free port by one handler; gives the address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class ScriptedLookup:
    """Answers each look-up with the next addresses of its script, the last ones for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@asynccontextmanager
async def client(lookup: ScriptedLookup | None = None, **policy: float) -> AsyncIterator[SafeClient]:
    """A client that may reach loopback, with short deadlines."""
    options = {"timeout_seconds": 5.0} | policy
    made = SafeClient(FetchPolicy(allow_networks=(LOOPBACK,), **options), lookup=lookup)  # type: ignore[arg-type]  # numbers
    try:
        yield made
    finally:
        await made.close()
