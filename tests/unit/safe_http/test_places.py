"""How many requests one host gets at once, however it is written and however they come to it."""

import asyncio

import pytest
from aiohttp import web

from shared.errors import Transient
from shared.safe_http import SafeClient
from tests.unit.safe_http.outcomes import fetched
from tests.unit.safe_http.outside import outside
from tests.waiting import until

PER_HOST = 2
VICTIM = "victim.example"


class Crowd:
    """Serves the victim slowly, counting; any other host redirects to it."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.inside = 0
        self.most = 0

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.host != VICTIM:
            return web.Response(status=302, headers={"Location": f"http://{VICTIM}/"})
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.go_on.wait()
        self.inside -= 1
        return web.Response(body=b"x")


async def all_fetched(made: SafeClient, urls: list[str], crowd: Crowd) -> None:
    async with asyncio.TaskGroup() as group:
        for url in urls:
            group.create_task(fetched(made, url))
        await until(lambda: crowd.inside == PER_HOST, seconds=5, what="the first guests of the host")
        crowd.go_on.set()


@pytest.mark.checklist("P23")
@pytest.mark.parametrize(
    "hosts",
    [
        [VICTIM] * 7,
        [VICTIM, "VICTIM.example", f"{VICTIM}.", f"{VICTIM}:80", "\u24e5ictim.example", VICTIM],
        [f"n{number}.example" for number in range(7)],
    ],
    ids=["one name", "spellings of the name", "redirects of other names"],
)
async def test_one_host_gets_no_more_requests_at_once_than_allowed(hosts: list[str]) -> None:
    crowd = Crowd()
    async with outside(crowd.serve, per_host=PER_HOST) as (made, _):
        await all_fetched(made, [f"http://{host}/" for host in hosts], crowd)
    assert crowd.most == PER_HOST


@pytest.mark.checklist("P23")
async def test_a_host_whose_places_are_taken_holds_up_no_other() -> None:
    crowd = Crowd()
    async with outside(crowd.serve, per_host=PER_HOST) as (made, world), asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(fetched(made, f"http://{VICTIM}/"))
        await until(lambda: crowd.inside == PER_HOST, seconds=5, what="the first guests of the host")
        group.create_task(fetched(made, "http://free.example/"))
        await until(lambda: len(world.asked) == PER_HOST + 1, seconds=5, what="the request of another host")
        crowd.go_on.set()


@pytest.mark.checklist("N10")
async def test_a_post_that_finds_no_place_soon_is_not_made_and_says_so_within_its_deadline() -> None:
    crowd = Crowd()
    async with outside(crowd.serve, per_host=PER_HOST) as (made, world), asyncio.TaskGroup() as group:
        for _ in range(PER_HOST):
            group.create_task(fetched(made, f"http://{VICTIM}/"))
        await until(lambda: crowd.inside == PER_HOST, seconds=5, what="the guests of the host")
        with pytest.raises(Transient) as refused:
            await made.post(f"http://{VICTIM}/", b"", {}, deadline_seconds=0.1, max_response_bytes=10)
        assert (refused.value.code, refused.value.defers) == ("no_place", True)
        assert len(world.asked) == PER_HOST
        crowd.go_on.set()
