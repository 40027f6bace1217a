"""A thousand webhooks to an endpoint that accepts connections and never answers, and one to another that lives."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from shared.events import RequestCompleted
from tests.integration.notifier_place import Place, place_on
from tests.scripted_server import Reply
from tests.stack import StackForTests
from tests.waiting import until

pytestmark = pytest.mark.stack

DEAD_ONES = 1000
# Generous: the machine that runs this may run much else. One timeout of the dead endpoint alone is longer.
SLOWER_BY_SECONDS = 4.0
TIMEOUT_SECONDS = 5
# A thousand requests that end at once are read one after another, whatever their endpoints are. To try all of the dead
# ones, four at a time, takes more than twenty minutes.
READING_SECONDS = 60.0
LOOKS = 8


@contextmanager
def dead_endpoint() -> Iterator[str]:
    """Its connections stand, since the kernel accepts them, and nobody ever reads them."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/hook"


class Live:
    """A live endpoint, each webhook to which has a path of its own."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._numbers = count()

    async def seconds_to_arrive(self) -> float:
        """How long after the end of a request its webhook arrives."""
        path = f"/live/{next(self._numbers)}"
        self._place.receiver.on(f"POST {path}", Reply(200, "thanks"))
        event = await self._place.prepare(self._place.receiver.url + path)
        began = time.monotonic()
        await self._place.publish(event)
        await until(lambda: self._has_arrived(path), seconds=60, what="the webhook to the live endpoint")
        return time.monotonic() - began

    def _has_arrived(self, path: str) -> bool:
        return any(asked.path == path for asked in self._place.receiver.asked)


@pytest.mark.checklist("N9")
async def test_a_thousand_webhooks_to_a_dead_endpoint_do_not_delay_the_one_to_a_live_one(stack: StackForTests) -> None:
    with dead_endpoint() as dead:
        async with place_on(stack, WEBHOOK_TIMEOUT_SECONDS=str(TIMEOUT_SECONDS)) as place:
            await place.start()
            live = Live(place)
            await live.seconds_to_arrive()
            alone = [await live.seconds_to_arrive() for _ in range(LOOKS)]
            events = [event for _ in range(DEAD_ONES // 20) for event in await prepared(place, dead)]
            await place.publish(*events)
            behind_all = await live.seconds_to_arrive()
            beside = []
            for _ in range(LOOKS):
                beside.append(await live.seconds_to_arrive())
                await until(has_passed(1.0))
            print(f"alone {_figures(alone)}, right behind {DEAD_ONES}: {behind_all:.2f} s, beside {_figures(beside)}")
            assert max(beside) < max(alone) + SLOWER_BY_SECONDS
            assert behind_all < READING_SECONDS
            counted = [await place.deliveries(event) for event in events[:50]]
            assert {one["state"] for (one,) in counted} == {"pending"}


async def prepared(place: Place, url: str) -> list[RequestCompleted]:
    return await asyncio.gather(*(place.prepare(url) for _ in range(20)))


def has_passed(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def _figures(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return f"{ordered[len(ordered) // 2]:.2f} s (at most {ordered[-1]:.2f} s)"
