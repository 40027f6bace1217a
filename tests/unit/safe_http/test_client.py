"""What the safe client fetches, what it refuses, and what it sends."""

import asyncio

import pytest
from aiohttp import web

from shared.errors import Instruction, Permanent, Transient
from shared.safe_http import Fetched, FetchPolicy, SafeClient
from tests.unit.safe_http.outcomes import LIMIT, fetched, refused
from tests.unit.safe_http.servers import ScriptedLookup, client, serving


async def picture(_request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"picture", content_type="image/jpeg")


async def test_a_body_is_handed_over_whole() -> None:
    async with serving(picture) as address, client() as made:
        answer, body = await fetched(made, f"{address}/cup.jpg#part")
    assert body == b"picture"
    assert answer == Fetched(200, "image/jpeg", 7, f"{address}/cup.jpg")


async def test_escapes_commas_and_spaces_reach_the_server_as_they_are_meant() -> None:
    seen: list[str] = []

    async def note(request: web.Request) -> web.StreamResponse:
        seen.append(request.raw_path)
        return web.Response(body=b"x")

    async with serving(note) as address, client() as made:
        for path in ("/a%2Cb,c?s=%2F%7e", "/my photo.jpg", "/caf\u00e9"):
            await fetched(made, address + path)
    assert seen == ["/a%2Cb,c?s=%2F%7e", "/my%20photo.jpg", "/caf%C3%A9"]


@pytest.mark.checklist("P6", "P7")
async def test_nothing_but_the_needed_headers_is_sent_and_cookies_are_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    seen: list[web.Request] = []

    async def note(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return web.Response(body=b"x", headers={"Set-Cookie": "a=b"})

    async with serving(note) as address, client() as made:
        await fetched(made, address)
        await fetched(made, address)
    assert {*seen[-1].headers} == {"Host", "User-Agent", "Accept", "Accept-Encoding"}
    assert seen[-1].headers["Accept-Encoding"] == "identity"


@pytest.mark.checklist("P21")
@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, Permanent, "http_401"),
        (403, Permanent, "http_403"),
        (404, Permanent, "http_404"),
        (410, Permanent, "http_410"),
        (418, Permanent, "http_4xx"),
        (408, Transient, "http_4xx"),
        (429, Transient, "http_429"),
        (500, Transient, "http_5xx"),
        (503, Transient, "http_5xx"),
    ],
)
async def test_a_status_is_an_instruction(status: int, kind: type[Instruction], code: str) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"Retry-After": "7"}, text="secret of the server")

    async with serving(answer) as address, client() as made:
        error = await refused(made, address)
    assert (type(error), error.code) == (kind, code)
    assert "secret" not in error.message
    if isinstance(error, Transient):
        assert error.retry_after_seconds == 7


@pytest.mark.checklist("P5")
async def test_redirects_are_followed_and_counted() -> None:
    async def hop(request: web.Request) -> web.StreamResponse:
        left = int(request.path[1:])
        return web.Response(status=302, headers={"Location": f"/{left - 1}"}) if left else await picture(request)

    async with serving(hop) as address, client() as made:
        answer, _ = await fetched(made, f"{address}/5")
        error = await refused(made, f"{address}/6")
    assert answer.final_url == f"{address}/0"
    assert (type(error), error.code) == (Permanent, "too_many_redirects")


@pytest.mark.checklist("P9")
async def test_bytes_are_counted_whatever_the_server_says() -> None:
    async def announced(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * (LIMIT + 1))

    async def streamed(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(LIMIT + 1):
            await response.write(b"x")
        return response

    for handler in (announced, streamed):
        async with serving(handler) as address, client() as made:
            error = await refused(made, address)
            assert (type(error), error.code) == (Permanent, "too_large")
            answer, _ = await fetched(made, address, limit=LIMIT + 1)
            assert answer.bytes == LIMIT + 1


@pytest.mark.checklist("P21")
async def test_a_short_body_is_truncated_and_no_body_is_empty() -> None:
    async def short(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"x")
        assert request.transport is not None
        request.transport.close()
        return response

    async def nothing(_request: web.Request) -> web.StreamResponse:
        return web.Response()

    for handler, kind, code in ((short, Transient, "truncated"), (nothing, Permanent, "empty")):
        async with serving(handler) as address, client() as made:
            error = await refused(made, address)
            assert (type(error), error.code) == (kind, code)


@pytest.mark.checklist("P9")
async def test_a_content_encoding_that_nobody_asked_for_is_refused() -> None:
    async def zipped(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})

    async with serving(zipped) as address, client() as made:
        assert (await refused(made, address)).code == "unsupported_format"


@pytest.mark.checklist("P8")
async def test_one_deadline_ends_a_body_that_trickles() -> None:
    ended = asyncio.Event()

    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while not ended.is_set():
                await response.write(b"x")
                await asyncio.sleep(0.02)
        except ConnectionResetError:
            return response
        return response

    async with serving(trickle) as address, client(timeout_seconds=0.3) as made:
        error = await refused(made, address)
        ended.set()
    assert (type(error), error.code) == (Transient, "timeout")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cup.jpg",
        "ftp://shop.example/",
        "http://",
        "http:///cup.jpg",
        "http://user@shop.example/",
        "http://user:word@shop.example/",
        "http://shop.example:0/",
        "http://shop.example:99999/",
        "http://shop.exa\tmple/",
        "http://shop example/",
        "http://shop\\.example/",
        "http://shop..example/",
        "http://shop.example/" + "a" * 5000,
    ],
)
async def test_what_is_no_url_is_refused_without_a_request(url: str) -> None:
    async with client(ScriptedLookup(["127.0.0.1"])) as made:
        error = await refused(made, url)
    assert (type(error), error.code) == (Permanent, "invalid_url")


@pytest.mark.checklist("P21")
async def test_a_refused_connection_an_unknown_name_and_plain_text_on_https_are_transient() -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    async with serving(picture) as address, client() as made:
        assert (await refused(made, address.replace("http:", "https:"))).code == "tls_error"
    async with client() as made:
        error = await refused(made, address)
    assert (type(error), error.code) == (Transient, "connect_error")
    made = SafeClient(FetchPolicy(), lookup=unknown)
    assert (await refused(made, "http://shop.example/")).code == "dns_error"
    await made.close()


@pytest.mark.checklist("N5")
async def test_a_post_returns_any_answer_and_follows_no_redirect() -> None:
    seen: list[bytes] = []

    async def hook(request: web.Request) -> web.StreamResponse:
        seen.append(await request.read())
        return web.Response(status=302, headers={"Location": "/other"}, body=b"y" * 100)

    async with serving(hook) as address, client() as made:
        answer = await made.post(
            f"{address}/hook", b"{}", {"Content-Type": "application/json"}, deadline_seconds=5, max_response_bytes=16
        )
    assert (answer.status, answer.headers["location"], answer.body) == (302, "/other", b"y" * 16)
    assert seen == [b"{}"]
