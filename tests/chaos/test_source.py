"""The source answers by URL and try alone, and every kind of URL settles within the tries that an image has."""

import asyncio
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.chaos.catalogues import Assortment
from tests.chaos.source_behaviour import KINDS, SUCCEEDED, Answer, Kind, answer_to, kinds_that_settle
from tests.chaos.source_pictures import COUNT, picture, shape_of
from tests.chaos.source_server import ADDRESSES, hosts, message_of, running_source

TRIES = 4
DEFERRED = {Answer.BUSY, Answer.AWAY}
"""Answers that are tried again without a try being counted."""


@pytest.fixture(scope="module")
def source() -> Iterator[int]:
    with running_source() as port:
        yield port


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_what_recovers_leaves_a_try_to_spare_and_no_answer_changes_later(kind: Kind) -> None:
    assert sum(answer not in DEFERRED for answer in kind.first) <= TRIES - 2
    settled = [answer_to(kind, tries) for tries in range(len(kind.first), 20)]
    assert set(settled) == {kind.then}
    assert (kind.status == SUCCEEDED) == (kind.then in {Answer.PICTURE, Answer.SLOW_PICTURE})


def test_without_retries_no_kind_needs_one() -> None:
    kinds = kinds_that_settle(with_retries=False)
    assert {kind.name for kind in kinds} >= {"good", "missing", "garbage"}
    assert not [kind for kind in kinds if kind.first or kind.then is Answer.SERVER_ERROR]


def test_pictures_are_told_apart_by_their_sizes() -> None:
    assert len({(shape_of(number).width, shape_of(number).height) for number in range(COUNT)}) == COUNT
    assert {shape_of(number).format for number in range(COUNT)} == {"jpeg", "png"}


def test_catalogues_are_decided_by_seed_and_number() -> None:
    first, again, other = (Assortment(seed, hosts(80), tuple(KINDS.values()), 900) for seed in (1, 1, 2))
    assert first.catalogue(5) == again.catalogue(5) != other.catalogue(5)
    sizes = [first.catalogue(number).images for number in range(60)]
    assert sizes[0] == max(sizes) == 900
    assert min(sizes) < 10
    assert {urlsplit(slot.url).netloc for slot in first.catalogue(0).slots} == {f"{host}:80" for host in ADDRESSES}


async def test_a_url_recovers_and_is_remembered_on_every_connection(source: int) -> None:
    url = f"{hosts(source)[0]}/error-twice/4/recovers.jpg"
    answers = []
    for _ in range(4):
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            answers.append((answer.status, await answer.read() == picture(4)))
    assert answers == [(500, False), (500, False), (200, True), (200, True)]


async def test_a_body_that_is_cut_is_no_answer(source: int) -> None:
    url = f"{hosts(source)[0]}/cut-once/4/breaks.jpg"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientPayloadError):
            await body(session, url)
        assert await body(session, url) == picture(4)


def test_a_connection_that_is_reset_brings_nothing(source: int) -> None:
    # aiohttp would try again by itself.
    with socket.create_connection((ADDRESSES[0], source), timeout=10) as connection:
        connection.sendall(b"GET /reset-once/4/breaks.jpg HTTP/1.1\r\nHost: source\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(100)


async def test_a_stalling_source_sends_half_and_then_nothing(source: int) -> None:
    url = f"{hosts(source)[0]}/stall-once/4/stalls.jpg"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1.0)) as session:
        with pytest.raises(asyncio.TimeoutError):
            await body(session, url)
        assert await body(session, url) == picture(4)


async def test_a_busy_source_says_when_to_come_again_on_all_of_its_hosts(source: int) -> None:
    async with aiohttp.ClientSession() as session:
        for place, host in enumerate(hosts(source)):
            async with session.get(f"{host}/busy-twice/4/{place}.jpg") as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    assert place == len(ADDRESSES) - 1


def test_half_a_picture_is_announced_as_whole() -> None:
    message = message_of(Answer.HALF_PICTURE, 4)
    assert f"Content-Length: {len(picture(4)) // 2}\r\n".encode() in message.first
    assert not message.is_cut


async def body(session: aiohttp.ClientSession, url: str) -> bytes:
    async with session.get(url) as answer:
        return await answer.read()
