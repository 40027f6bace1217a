"""What leaves: the host's own name inside and outside of TLS, and nothing that identifies or detours us."""

import ssl
from pathlib import Path

import pytest
from aiohttp import web

from shared.errors import Permanent
from tests.unit.safe_http.outcomes import fetched, refused
from tests.unit.safe_http.outside import SHOP_ADDRESS, outside

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


async def picture(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=b"x")


@pytest.mark.checklist("P4")
async def test_the_host_name_is_in_the_host_header_and_in_the_name_asked_for_by_tls() -> None:
    hosts, names = [], []

    async def note(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        hosts.append(request.host)
        return web.Response(body=b"x")

    def server_name(_socket: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        names.append(name)

    async with outside(note, tls=True, on_server_name=server_name) as (made, world):
        await fetched(made, "https://shop.example/cup.jpg")
    assert world.asked == [(SHOP_ADDRESS, 443)]
    assert (hosts, names) == (["shop.example"], ["shop.example"])


@pytest.mark.checklist("P4", "N5")
async def test_a_certificate_of_another_name_is_refused_though_the_address_is_the_same() -> None:
    async with outside(picture, tls=True) as (made, world):
        await fetched(made, "https://shop.example/cup.jpg")
        for url in ("https://other.example/cup.jpg", f"https://{SHOP_ADDRESS}/cup.jpg"):
            error = await refused(made, url)
            assert (type(error), error.code) == (Permanent, "tls_error")
            with pytest.raises(Permanent, match="certificate"):
                await made.post(url, b"{}", {}, deadline_seconds=5, max_response_bytes=16)
    assert len(world.asked) == 5, "no connection of one name may serve another"


@pytest.mark.checklist("P5")
async def test_a_redirect_from_https_to_http_is_not_followed() -> None:
    async def down(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "http://shop.example/"})

    async with outside(down, tls=True) as (made, world):
        error = await refused(made, "https://shop.example/")
    assert (type(error), error.code) == (Permanent, "tls_error")
    assert world.asked == [(SHOP_ADDRESS, 443)]


@pytest.mark.checklist("P6")
async def test_proxies_in_the_environment_have_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.setenv(name, "http://8.8.8.8:80")
    async with outside(picture) as (made, world):
        await fetched(made, "http://shop.example/")
        await made.post("http://shop.example/", b"{}", {}, deadline_seconds=5, max_response_bytes=16)
    assert {*world.asked} == {(SHOP_ADDRESS, 80)}


@pytest.mark.checklist("P7")
async def test_no_cookie_credential_or_referrer_is_sent_not_even_after_redirects(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login shop password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[dict[str, str]] = []

    async def note(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(dict(request.headers))
        headers = {"Set-Cookie": "a=b; Domain=example", "WWW-Authenticate": 'Basic realm="shop"'}
        if request.path == "/":
            return web.Response(status=302, headers={"Location": "http://cdn.shop.example/cup.jpg"} | headers)
        return web.Response(body=b"x", headers=headers)

    async with outside(note) as (made, _):
        await fetched(made, "http://shop.example/")
        await fetched(made, "http://shop.example/")
        await made.post("http://shop.example/", b"{}", {"Webhook-Id": "1"}, deadline_seconds=5, max_response_bytes=16)
    ours = {"Host", "User-Agent", "Accept", "Accept-Encoding"}
    assert [{*headers} for headers in seen[:4]] == [ours] * 4
    assert {*seen[4]} - ours == {"Webhook-Id", "Content-Length", "Content-Type"}
    assert {headers["Accept-Encoding"] for headers in seen} == {"identity"}
