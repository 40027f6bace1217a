"""Which addresses the connector is asked for: those that were judged, and none that is forbidden."""

from collections.abc import Sequence
from urllib.parse import quote

import pytest
from aiohttp import web

from shared.errors import Permanent
from shared.safe_http.lookup import SystemLookup
from tests.unit.safe_http.address_table import (
    FORBIDDEN_NETWORKS,
    NOT_A_HOST,
    PUBLIC_ADDRESSES,
    SPELLINGS_OF_LOOPBACK,
    as_host,
    first_middle_and_last,
)
from tests.unit.safe_http.outcomes import fetched, refused
from tests.unit.safe_http.outside import SHOP_ADDRESS, Names, outside

SHOP = (SHOP_ADDRESS, 80)


async def redirecting_picture(request: web.BaseRequest) -> web.StreamResponse:
    """Redirect to what `to` says, else answer with a picture."""
    location = request.query.get("to")
    return web.Response(status=302, headers={"Location": location}) if location else web.Response(body=b"x")


@pytest.mark.checklist("P1", "P5")
@pytest.mark.parametrize("network", FORBIDDEN_NETWORKS)
async def test_a_forbidden_network_is_not_asked_for_by_literal_by_name_or_by_redirect(network: str) -> None:
    names = Names()
    async with outside(redirecting_picture, names) as (made, world):
        for number, address in enumerate(first_middle_and_last(network)):
            literal, name = f"http://{as_host(address)}/", f"http://inside{number}.example/"
            names.answer(f"inside{number}.example", [address])
            for url in (literal, name, f"http://shop.example/?to={literal}", f"http://shop.example/?to={name}"):
                error = await refused(made, url)
                assert (type(error), error.code) == (Permanent, "blocked_address"), url
    assert {*world.asked} == {SHOP}


@pytest.mark.checklist("P1", "P5")
@pytest.mark.parametrize("host", SPELLINGS_OF_LOOPBACK, ids=ascii)
async def test_a_spelling_of_loopback_is_not_asked_for_directly_or_by_redirect(host: str) -> None:
    async with outside(redirecting_picture, Names({"localhost": [["127.0.0.1"]]})) as (made, world):
        for url in (f"http://{host}/", f"http://shop.example/?to=http://{host}/", f"http://shop.example/?to=//{host}/"):
            error = await refused(made, url)
            assert (type(error), error.code) == (Permanent, "blocked_address"), url
    assert {*world.asked} == {SHOP}


@pytest.mark.checklist("P1")
@pytest.mark.parametrize("host", NOT_A_HOST, ids=ascii)
async def test_what_only_some_parsers_take_for_a_host_is_not_asked_for(host: str) -> None:
    async with outside(redirecting_picture) as (made, world):
        assert (await refused(made, f"http://{host}/")).code == "invalid_url"
        redirect = f"http://shop.example/?to={quote(f'http://{host}/')}"
        assert (await refused(made, redirect)).code in {"invalid_url", "connect_error"}
    assert {*world.asked} == {SHOP}


@pytest.mark.checklist("P1")
@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
async def test_a_public_address_is_asked_for_by_literal_by_name_and_by_redirect(address: str) -> None:
    literal = f"http://{as_host(address)}/"
    async with outside(redirecting_picture, Names({"public.example": [[address]]})) as (made, world):
        for url in (literal, "http://public.example/", f"http://shop.example/?to={literal}"):
            await fetched(made, url)
    assert {*world.asked} == {(address, 80), SHOP}


@pytest.mark.checklist("P1")
@pytest.mark.parametrize("name", ["localhost", "localhost."])
async def test_the_name_of_this_machine_is_refused_with_the_real_resolver(name: str) -> None:
    async with outside(redirecting_picture, SystemLookup()) as (made, world):
        assert (await refused(made, f"http://{name}/")).code == "blocked_address"
    assert world.asked == []


@pytest.mark.checklist("P2")
@pytest.mark.parametrize(
    "answer", [["8.8.8.8", "10.0.0.1"], ["10.0.0.1", "8.8.8.8"], [*["8.8.8.8"] * 20, "fe80::1"], ["8.8.8.8", "::1"]]
)
async def test_one_forbidden_address_of_many_forbids_the_name(answer: Sequence[str]) -> None:
    async with outside(redirecting_picture, Names({"mixed.example": [answer]})) as (made, world):
        error = await refused(made, "http://mixed.example/")
    assert (type(error), error.code) == (Permanent, "blocked_address")
    assert "FETCH_ALLOW_NETWORKS" in error.message
    assert "10.0.0.1" not in error.message
    assert world.asked == []


@pytest.mark.checklist("P3")
async def test_a_name_that_changes_its_answer_is_connected_to_where_it_was_judged() -> None:
    names = Names({"rebinding.example": [[SHOP_ADDRESS], ["169.254.169.254"]]})
    async with outside(redirecting_picture, names) as (made, world):
        await fetched(made, "http://rebinding.example/")
        await fetched(made, "http://rebinding.example/again")
    assert world.asked == [SHOP]
    assert names.asked == ["rebinding.example"]


@pytest.mark.checklist("P3")
async def test_each_connection_has_one_lookup_and_a_changed_answer_is_judged_anew() -> None:
    names = Names({"rebinding.example": [[SHOP_ADDRESS], ["8.8.8.8"], ["169.254.169.254"]]})

    async def once(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=b"x", headers={"Connection": "close"})

    async with outside(once, names) as (made, world):
        await fetched(made, "http://rebinding.example/")
        await fetched(made, "http://rebinding.example/")
        assert (await refused(made, "http://rebinding.example/")).code == "blocked_address"
    assert world.asked == [SHOP, ("8.8.8.8", 80)]
    assert len(names.asked) == len(world.asked) + 1


async def test_a_name_with_very_many_addresses_has_only_some_of_them_tried() -> None:
    many = [f"8.8.{high}.{low}" for high in range(4) for low in range(250)] + ["2606:4700:4700::1111"]
    async with outside(redirecting_picture, Names({"many.example": [many]})) as (made, world):
        world.leads_nowhere()
        assert (await refused(made, "http://many.example/")).code == "connect_error"
    assert {address for address, _ in world.asked} == {"8.8.0.0", "8.8.0.1", "2606:4700:4700::1111"}
    assert len(world.asked) < 10


@pytest.mark.checklist("P5")
@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://8.8.8.8:22/", "blocked_port"),
        ("http://8.8.8.8:8080/", "blocked_port"),
        ("//8.8.8.8:6379/", "blocked_port"),
        ("//10.0.0.1/", "blocked_address"),
        ("ftp://8.8.8.8/", "invalid_url"),
        ("file:///etc/passwd", "invalid_url"),
        ("gopher://8.8.8.8/", "invalid_url"),
        ("http://user:secret@8.8.8.8/", "invalid_url"),
        ("//user@8.8.8.8/", "invalid_url"),
        ("http://shop.example/%09/../?to=http://127.0.0.1/", "blocked_address"),
    ],
)
async def test_each_hop_passes_the_gate(location: str, code: str) -> None:
    async def elsewhere(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": request.query.get("to", location)})

    async with outside(elsewhere) as (made, world):
        assert (await refused(made, "http://shop.example/")).code == code
    assert {*world.asked} == {SHOP}


@pytest.mark.checklist("P5")
async def test_a_loop_of_redirects_ends_after_five() -> None:
    asked: list[str] = []

    async def around(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "/" if request.path == "/b" else "/b"})

    async with outside(around) as (made, _):
        error = await refused(made, "http://shop.example/")
    assert (type(error), error.code) == (Permanent, "too_many_redirects")
    assert asked == ["/", "/b"] * 3


@pytest.mark.checklist("N5")
@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://127.1/", "http://inside.example/", "http://8.8.8.8:22/"])
async def test_a_post_passes_the_same_gate(url: str) -> None:
    async with outside(redirecting_picture, Names({"inside.example": [["10.0.0.1"]]})) as (made, world):
        with pytest.raises(Permanent, match="URL"):
            await made.post(url, b"{}", {}, deadline_seconds=5, max_response_bytes=16)
    assert world.asked == []
