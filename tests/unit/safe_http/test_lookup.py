"""Name servers that hang: what waits for them, for how long, and what goes on meanwhile."""

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest
from aiohttp import web

from shared.errors import DependencyAway, Transient
from shared.safe_http.lookup import SystemLookup
from tests.unit.safe_http.outcomes import fetched, refused
from tests.unit.safe_http.outside import SHOP_ADDRESS, outside
from tests.waiting import until

SOON = 0.2


class HangingNames:
    """Answers at once, but for names below `.slow`, whose name servers hang until `go_on` is set."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.asked: list[str] = []
        self.at_once = 0

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        self.at_once += 1
        if host.endswith(".slow"):
            self.go_on.wait()
        self.at_once -= 1
        return [SHOP_ADDRESS]


@pytest.fixture
def names() -> Iterator[HangingNames]:
    hanging = HangingNames()
    yield hanging
    hanging.go_on.set()


async def picture(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=b"x")


@pytest.mark.checklist("P8")
async def test_a_lookup_that_hangs_ends_with_the_deadline_of_the_fetch(names: HangingNames) -> None:
    async with outside(picture, SystemLookup(names), timeout_seconds=SOON) as (made, world):
        error = await refused(made, "http://a.slow/")
        assert (type(error), error.code) == (Transient, "timeout")
        with pytest.raises(Transient, match="within the time"):
            await made.post("http://a.slow/", b"{}", {}, deadline_seconds=SOON, max_response_bytes=16)
    assert world.asked == []


@pytest.mark.checklist("P8")
async def test_a_lookup_has_a_deadline_of_its_own(names: HangingNames) -> None:
    async with outside(picture, SystemLookup(names, seconds=SOON), timeout_seconds=60) as (made, _):
        error = await refused(made, "http://a.slow/")
    assert (type(error), error.code) == (Transient, "dns_error")


@pytest.mark.checklist("P8")
async def test_one_site_whose_name_server_hangs_holds_up_no_other(names: HangingNames) -> None:
    lookup = SystemLookup(names, at_once=4, per_site=2)
    async with outside(picture, lookup) as (made, _), asyncio.TaskGroup() as group:
        slow = [group.create_task(fetched(made, f"http://n{number}.evil.slow/")) for number in range(9)]
        await until(lambda: names.at_once == 2, seconds=5, what="the slow site's look-ups")
        for number in range(5):
            await fetched(made, f"http://n{number}.shop.example/")
        assert names.at_once == 2
        assert not any(task.done() for task in slow)
        names.go_on.set()
    assert len(names.asked) == 9 + 5


@pytest.mark.checklist("P8")
async def test_a_thread_keeps_its_place_until_it_ends_and_then_gives_it_back(names: HangingNames) -> None:
    lookup = SystemLookup(names, seconds=SOON, at_once=2, per_site=1)
    async with outside(picture, lookup) as (made, _):
        for number in range(3):
            assert (await refused(made, f"http://n{number}.evil.slow/")).code == "dns_error"
        assert names.asked == ["n0.evil.slow"], "those who came later never got a thread"
        assert (await refused(made, "http://other.slow/")).code == "dns_error"
        assert (await refused(made, "http://shop.example/")).code == "dns_error", "all places are taken"
        names.go_on.set()
        await until(lambda: names.at_once == 0, seconds=5, what="the end of the threads")
        for host in ("shop.example", "n4.evil.slow", "other.slow"):
            await fetched(made, f"http://{host}/")


async def test_who_waits_for_a_place_that_others_hold_has_made_no_attempt(names: HangingNames) -> None:
    lookup = SystemLookup(names, seconds=SOON, at_once=1)
    async with outside(picture, lookup) as (made, _):
        hanging = await refused(made, "http://evil.slow/")
        waiting = await refused(made, "http://shop.example/")
    assert isinstance(hanging, Transient)
    assert isinstance(waiting, Transient)
    assert (hanging.code, hanging.defers) == ("dns_error", False)
    assert (waiting.code, waiting.defers) == ("dns_error", True)


@pytest.mark.parametrize(
    ("host", "neighbour", "is_held_up"),
    [("a.evil.slow", "b.evil.slow", True), ("evil.co.uk", "shop.co.uk", False), ("a.shop.co.uk", "shop.co.uk", True)],
)
async def test_a_site_is_what_one_owner_has(host: str, neighbour: str, is_held_up: bool) -> None:
    held = threading.Event()

    def ask(name: str, _port: int) -> Sequence[str]:
        if name == host:
            held.wait()
        return [SHOP_ADDRESS]

    lookup = SystemLookup(ask, seconds=SOON, per_site=1)
    with pytest.raises(OSError, match="does not answer"):
        await lookup(host, 80)
    answered = await asyncio.gather(lookup(neighbour, 80), return_exceptions=True)
    held.set()
    assert isinstance(answered[0], Transient) is is_held_up


async def test_without_threads_the_fault_is_this_machines_and_the_places_are_free_again() -> None:
    limit = threading.stack_size(2**40)
    try:
        lookup = SystemLookup(lambda _host, _port: [SHOP_ADDRESS], at_once=1)
        with pytest.raises(DependencyAway):
            await lookup("shop.example", 80)
    finally:
        threading.stack_size(limit)
    assert await lookup("shop.example", 80) == [SHOP_ADDRESS]


async def test_an_answer_that_nobody_waits_for_any_more_harms_nothing(names: HangingNames) -> None:
    lookup = SystemLookup(names, seconds=SOON)
    with pytest.raises(OSError, match="does not answer"):
        await lookup("a.slow", 80)
    names.go_on.set()
    assert await lookup("b.slow", 80) == [SHOP_ADDRESS]


def test_a_lookup_may_outlive_its_event_loop(names: HangingNames) -> None:
    with pytest.raises(OSError, match="does not answer"):
        asyncio.run(SystemLookup(names, seconds=SOON)("a.slow", 80))
    names.go_on.set()
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "lookup")
