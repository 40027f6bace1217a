"""Asking the system for the addresses of a host, so that a name server that hangs holds up nothing else."""

import asyncio
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from shared.errors import DependencyAway, Transient
from shared.safe_http.places import Places

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host; raises `OSError` when there are none, `Transient` when it could not ask."""

LOOKUP_SECONDS: Final = 10.0
LOOKUPS: Final = 64
LOOKUPS_PER_SITE: Final = 8

# Two labels, or three below what countries set apart for everyone.
_SITE: Final = re.compile(r"[^.]+\.(?:(?:ac|co|com|edu|go|gov|ne|net|or|org)\.[a-z]{2}|[^.]+)$")


def system_addresses(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver; returns when it likes."""
    found: list[tuple[Any, ...]] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


class SystemLookup:
    """Asks in threads, and gives up an answer after `seconds`, and so the waiting for a place.

    A thread that asks cannot be stopped. It keeps its place until it ends, even when nobody waits for it any more: so
    there are never more than `at_once` of them, and the names of one site fill no more than `per_site` places.
    """

    def __init__(
        self,
        ask: Callable[[str, int], Sequence[str]] = system_addresses,
        *,
        seconds: float = LOOKUP_SECONDS,
        at_once: int = LOOKUPS,
        per_site: int = LOOKUPS_PER_SITE,
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._places = asyncio.Semaphore(at_once)
        self._sites = Places(per_site)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        site = _site(host)
        await self._place(site)
        answer = self._asked(site, host, port)
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.shield(answer)
        except TimeoutError as error:
            raise OSError("the name server does not answer") from error

    async def _place(self, site: str) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._take(site)
        except TimeoutError as error:
            # Others may have taken the places: that is no fault of this host, and costs it no attempt.
            raise Transient("dns_error", "Too many host names wait for slow name servers.", defers=True) from error

    async def _take(self, site: str) -> None:
        await self._sites.take(site)
        try:
            await self._places.acquire()
        except BaseException:
            self._sites.leave(site)
            raise

    def _asked(self, site: str, host: str, port: int) -> asyncio.Future[Sequence[str]]:
        try:
            answer = _in_a_thread(partial(self._ask, host, port))
        except RuntimeError as error:
            self._leave(site)
            raise DependencyAway("machine", "no thread can be started to look a name up") from error
        answer.add_done_callback(lambda _: self._leave(site))
        return answer

    def _leave(self, site: str) -> None:
        self._places.release()
        self._sites.leave(site)


def _site(host: str) -> str:
    """Return the end of a name that one owner is likely to have: `shop.example`, `shop.co.uk`."""
    found = _SITE.search(host.rstrip("."))
    return found[0] if found else host


def _in_a_thread(ask: Callable[[], Sequence[str]]) -> asyncio.Future[Sequence[str]]:
    """Ask in a thread that the end of the process does not wait for."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[str]] = loop.create_future()

    def run() -> None:
        outcome: Callable[[], None]
        try:
            outcome = partial(answer.set_result, ask())
        except Exception as error:
            outcome = partial(answer.set_exception, error)
        # The loop may have ended while the name server hung.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(outcome)

    threading.Thread(target=run, name="lookup", daemon=True).start()
    return answer
