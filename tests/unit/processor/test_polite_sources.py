"""Sources that ask a host only when it makes sense."""

import asyncio

import pytest

from services.processor.domain.host_policy import HostLimits, HostPolicy
from services.processor.polite_sources import PoliteSources
from services.processor.suspension import Wakefulness
from shared.errors import DependencyAway, Permanent, Transient
from tests.unit.processor.fakes import FakeSources, ManualClock

CUP = "http://shop.example/cup.jpg"
PLATE = "http://shop.example/plate.jpg"
OTHER_PORT = "http://shop.example:8080/cup.jpg"
BUSY = Transient("http_429", "Busy.", retry_after_seconds=20, defers=True)


class Neighbourhood:
    def __init__(self, sources: FakeSources | None = None, *, limits: HostLimits | None = None) -> None:
        self.clock = ManualClock(100.0)
        self.sources = sources or FakeSources({CUP: b"cup", PLATE: b"plate", OTHER_PORT: b"cup"})
        self.policy = HostPolicy(limits or HostLimits())
        self.polite = PoliteSources(
            self.sources, self.policy, Wakefulness(self.clock), breath_seconds=0, clock=self.clock
        )

    async def fetch(self, url: str) -> bytes:
        async with self.polite.fetched(url) as file:
            return file.read()


async def test_a_source_is_held_for_as_long_as_it_is_used() -> None:
    place = Neighbourhood()
    async with place.polite.fetched(CUP) as file:
        assert (file.read(), place.sources.held) == (b"cup", 1)
    assert place.sources.held == 0


async def test_all_pictures_of_a_host_wait_once_it_has_asked_to_be_left_alone() -> None:
    place = Neighbourhood(FakeSources({CUP: BUSY, PLATE: b"plate", OTHER_PORT: b"cup"}))
    for url in (CUP, PLATE):
        with pytest.raises(Transient) as raised:
            await place.fetch(url)
        assert (raised.value.code, raised.value.defers) == ("http_429", True)
    assert place.sources.fetches == 1
    assert await place.fetch(OTHER_PORT) == b"cup"
    place.clock.now += 20
    assert await place.fetch(PLATE) == b"plate"


async def test_a_picture_that_is_at_fault_later_on_is_an_answer_of_its_host() -> None:
    down = Transient("connect_error", "Refused.")
    place = Neighbourhood(FakeSources({CUP: b"cup", PLATE: down}), limits=HostLimits(failures=2, failing_seconds=0))
    with pytest.raises(Transient):
        await place.fetch(PLATE)
    with pytest.raises(Permanent):
        async with place.polite.fetched(CUP):
            raise Permanent("corrupt_image", "Damaged.")
    with pytest.raises(Transient):
        await place.fetch(PLATE)
    assert await place.fetch(CUP) == b"cup"


async def test_a_download_that_was_late_because_the_process_stood_still_blames_nobody() -> None:
    late = FakeSources({CUP: Transient("timeout", "Too slow.")})
    place = Neighbourhood(late, limits=HostLimits(failures=1, failing_seconds=0))
    late.meanwhile = lambda: setattr(place.clock, "now", 200.0)
    with pytest.raises(DependencyAway):
        await place.fetch(CUP)
    assert not place.policy.ask("http://shop.example", place.clock.now).is_probe


async def test_a_host_that_may_be_asked_after_a_breath_costs_no_deferral() -> None:
    answers: dict[str, bytes | Permanent | Transient] = {CUP: BUSY, PLATE: b"plate"}
    place = Neighbourhood(FakeSources(answers))
    with pytest.raises(Transient):
        await place.fetch(CUP)
    waiting = asyncio.create_task(place.fetch(PLATE))
    await asyncio.sleep(0)
    place.clock.now += 20
    assert await waiting == b"plate"


async def test_what_is_no_url_is_permanent() -> None:
    with pytest.raises(Permanent) as raised:
        await Neighbourhood().fetch("ftp://shop.example/cup.jpg")
    assert raised.value.code == "invalid_url"
